#include "coordinator/schedule/job_book.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/failure.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/schedule/retry_policy.h"
#include "coordinator/store/job_storage_format.h"

namespace halfpipe {
namespace {

// Steps whose every event is kept; of later ones every tenth is.
constexpr int64_t kStepsWithEvents = 20'000;
constexpr int64_t kThinning = 10;

// Of one job, while the disk takes nothing: no more progress is kept than this,
// so that a job that trains on does not fill the memory.
constexpr size_t kMostUnwritten = 10'000;

// What may be gathered before it is written.
bool MayWait(const JobEventBody& event) {
  const auto* line = std::get_if<LogLine>(&event);
  if (line != nullptr) return line->stage.has_value();
  return std::holds_alternative<StepProgress>(event) ||
         std::holds_alternative<EncodingProgress>(event);
}

// A text that is only made empty, or given an empty one, keeps its memory.
void ReleaseText(std::string* text) { std::string().swap(*text); }

bool IsWorthKeeping(const JobEventBody& event) {
  const auto* step = std::get_if<StepProgress>(&event);
  return step == nullptr || step->steps_done <= kStepsWithEvents ||
         step->steps_done == step->steps_total ||
         step->steps_done % kThinning == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<JobBook>> JobBook::Load(
    std::unique_ptr<JobStore> store, absl::Time now) {
  std::unique_ptr<JobBook> book(new JobBook(std::move(store)));
  HP_ASSIGN_OR_RETURN(const std::vector<QueuedJob> queued,
                      book->store_->ListQueued());
  for (const QueuedJob& job : queued) book->Enqueue(job);
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> under_way,
                      book->store_->ListUnderWay());
  std::vector<std::string> damaged;
  for (StoredJob& stored : under_way) {
    if (stored.is_damaged) {
      LogError("a job is set aside",
               {{"job", stored.job.id}, {"why", stored.job.error.message()}});
      damaged.push_back(stored.job.id);
      continue;
    }
    const std::string id = stored.job.id;
    const JobState state = stored.job.state;
    book->Admit(std::move(stored));
    if (state == JobState::kPaused) continue;
    HP_RETURN_IF_ERROR(book->Apply(id, JobTrigger::kInterrupted,
                                   "the coordinator was restarted",
                                   absl::OkStatus(), now));
  }
  if (const Ticket ticket = book->Submit(); ticket != nullptr) {
    HP_RETURN_IF_ERROR(book->store_->Wait(ticket));
    (void)book->Collect();
  }
  if (!damaged.empty()) {
    HP_RETURN_IF_ERROR(book->store_->SetAside(damaged, now));
  }
  return book;
}

absl::StatusOr<bool> JobBook::Knows(const std::string& id,
                                    const JobSpec& spec) const {
  std::string known;
  if (auto found = live_.find(id); found != live_.end()) {
    known = found->second.stored.request;
  } else {
    const absl::StatusOr<StoredJob> stored = store_->Get(id);
    if (absl::IsNotFound(stored.status())) return false;
    HP_RETURN_IF_ERROR(stored.status());
    known = stored->request;
  }
  if (known == DigestOf(spec)) return true;
  return absl::AlreadyExistsError(absl::StrCat(
      "job \"", id, "\" exists with another content: choose another id"));
}

void JobBook::Create(const JobSpec& spec, const Job& job, absl::Time now) {
  LiveJob& live = live_[job.id];
  live.stored = {.number = store_->NextNumber(),
                 .job = job,
                 .spec = spec,
                 .request = DigestOf(spec),
                 .bytes = BytesOf(job, spec)};
  ReleaseText(&live.stored.spec.config_yaml);
  live.created = false;
  coming_bytes_ += live.stored.bytes;
  AddEvent(&live, StateChange{JobState::kQueued, "", absl::OkStatus()}, now);
  live.urgent = true;
}

void JobBook::ConsiderRetry(const LiveJob& job, absl::Time now,
                            Change* change) {
  const Job& failed = job.stored.job;
  const std::optional<absl::Duration> delay =
      RetryDelay(change->error, failed.retries, failed.retry_limit,
                 job.stored.spec.retry_backoff);
  if (!delay.has_value()) return;
  change->trigger = JobTrigger::kRetry;
  change->error = absl::OkStatus();
  change->reason =
      absl::StrCat("retry ", failed.retries + 1, " of ", failed.retry_limit,
                   " in ", absl::FormatDuration(*delay), ": ", change->reason);
  change->retry_at = now + *delay;
}

absl::Status JobBook::Apply(const std::string& id, JobTrigger trigger,
                            const std::string& reason,
                            const absl::Status& error, absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob * live, Revive(id));
  Job& job = live->stored.job;
  Change change{trigger, reason, error, std::nullopt};
  if (trigger == JobTrigger::kFail) {
    ConsiderRetry(*live, now, &change);
    change.error = Described(std::move(change.error));
  }
  const std::optional<JobState> next = NextJobState(job.state, change.trigger);
  if (!next.has_value()) {
    absl::Status refused = absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": it cannot ", JobTriggerName(change.trigger)));
    if (HasEnded(job.state) && StateOfWrites(id).tried_all &&
        live->unwritten.empty()) {
      Drop(id);
    }
    return refused;
  }
  Leave(*live);
  job.state = *next;
  Enter(*live);
  job.reason = change.reason;
  job.error = change.error;
  job.retry_at = change.retry_at;
  if (change.trigger == JobTrigger::kRetry) ++job.retries;
  if (trigger == JobTrigger::kResume) job.retries = 0;
  if (trigger == JobTrigger::kStart && !job.started) job.started = now;
  if (trigger == JobTrigger::kStageLost) ++job.restarts;
  job.ended =
      HasEnded(job.state) ? std::optional<absl::Time>(now) : std::nullopt;
  AddEvent(live, StateChange{job.state, job.reason, job.error}, now);
  LogInfo("job state", {{"job", id},
                        {"state", JobStateName(job.state)},
                        {"reason", job.reason}});
  live->urgent = true;
  return absl::OkStatus();
}

absl::Status JobBook::Resume(const std::string& id,
                             const ResumeOptions& options, absl::Time now) {
  HP_ASSIGN_OR_RETURN(const Job job, Get(id));
  if (job.state == JobState::kDone && !options.replace) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is done: it cannot resume"));
  }
  HP_RETURN_IF_ERROR(Apply(id, JobTrigger::kResume, "", absl::OkStatus(), now));
  if (LiveJob* live = Find(id); live != nullptr) {
    live->stored.job.replace = options.replace;
    live->stored.job.accept_data = options.accept_data;
  }
  return absl::OkStatus();
}

void JobBook::SetReason(const std::string& id, const std::string& reason,
                        absl::Time now) {
  const auto known = known_.find(id);
  if (known != known_.end() && known->second.reason == reason) return;
  const absl::StatusOr<LiveJob*> live = FindOrRevive(id);
  if (!live.ok() || (*live)->stored.job.reason == reason) return;
  Job& job = (*live)->stored.job;
  job.reason = reason;
  if (known != known_.end()) known->second.reason = reason;
  AddEvent(*live, StateChange{job.state, reason, job.error}, now);
  (*live)->urgent = true;
}

void JobBook::SetPair(const std::string& id, const std::string& pair) {
  if (LiveJob* live = Find(id); live != nullptr) live->stored.job.pair = pair;
}

void JobBook::Append(const std::string& id, const JobEventBody& event,
                     absl::Time now) {
  LiveJob* live = Find(id);
  if (live == nullptr) return;
  if (const auto* step = std::get_if<StepProgress>(&event)) {
    live->stored.job.steps_done = step->steps_done;
    live->stored.job.last_step = *step;
  }
  if (const auto* result = std::get_if<ValidationResult>(&event)) {
    live->stored.job.last_validation = *result;
  }
  if (!IsWorthKeeping(event)) return;
  if (MayWait(event) && live->unwritten.size() >= kMostUnwritten) return;
  AddEvent(live, event, now);
  if (!MayWait(event)) live->urgent = true;
}

void JobBook::AddEvent(LiveJob* live, JobEventBody event, absl::Time now) {
  if (live->unwritten.empty()) live->unwritten_since = now;
  JobEvent added;
  added.cursor = ++live->stored.job.last_cursor;
  added.time = now;
  added.what = std::move(event);
  live->unwritten.push_back(std::move(added));
  unwritten_.insert(live->stored.job.id);
}

absl::StatusOr<Epoch> JobBook::NextEpoch(const std::string& id) {
  HP_ASSIGN_OR_RETURN(Epoch epoch, store_->NextEpoch());
  if (LiveJob* live = Find(id); live != nullptr) {
    live->stored.job.epoch = epoch.value();
  }
  return epoch;
}

void JobBook::Flush(absl::Time now) {
  for (const std::string& id : unwritten_) {
    LiveJob& live = live_.at(id);
    live.unwritten_since = std::min(live.unwritten_since, now);
    if (now - live.unwritten_since >= kFlushInterval) live.urgent = true;
  }
  Rest();
}

JobBook::Ticket JobBook::Submit() {
  Ticket last;
  for (auto it = unwritten_.begin(); it != unwritten_.end();) {
    LiveJob& live = live_.at(*it);
    if (!live.urgent || live.ticket != nullptr) {
      ++it;
      continue;
    }
    live.urgent = false;
    live.in_flight = std::exchange(live.unwritten, {});
    live.ticket = live.created
                      ? store_->QueueUpdate(live.stored.job, live.in_flight)
                      : store_->QueueCreate(live.stored, live.in_flight);
    last = live.ticket;
    in_flight_.push_back(*it);
    it = unwritten_.erase(it);
  }
  return last;
}

std::vector<std::string> JobBook::Collect() {
  std::vector<std::string> news = std::exchange(news_, {});
  while (!in_flight_.empty()) {
    const std::string id = in_flight_.front();
    LiveJob& live = live_.at(id);
    if (!store_->IsDone(live.ticket)) break;
    const absl::Status status = store_->Wait(live.ticket);
    in_flight_.pop_front();
    OnWritten(&live, status);
    const bool never_was = !status.ok() && !live.created;
    const bool is_over = status.ok() && live.unwritten.empty() &&
                         HasEnded(live.stored.job.state);
    if (never_was || is_over) Drop(id);
    news.push_back(id);
  }
  return news;
}

void JobBook::OnWritten(LiveJob* live, const absl::Status& status) {
  const std::string& id = live->stored.job.id;
  live->ticket = nullptr;
  live->last_write = status;
  std::vector<JobEvent> written = std::exchange(live->in_flight, {});
  if (status.ok()) {
    live->written_cursor = written.back().cursor;
    if (!std::exchange(live->created, true)) {
      coming_bytes_ -= live->stored.bytes;
      ReleaseText(&live->stored.job.config_yaml);  // the store has it
      Enter(*live);
    }
    LetRest(live);
    return;
  }
  LogError("cannot write a job", {{"job", id}, {"status", status.message()}});
  // Tried again some time after the next flush; the disk may have room again.
  live->unwritten_since = absl::InfiniteFuture();
  written.insert(written.end(),
                 std::make_move_iterator(live->unwritten.begin()),
                 std::make_move_iterator(live->unwritten.end()));
  live->unwritten = std::move(written);
  live->urgent = false;
  unwritten_.insert(id);
}

}  // namespace halfpipe
