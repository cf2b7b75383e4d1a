#include "coordinator/job_book.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/rpc/job_storage_format.h"
#include "coordinator/job_request.h"

namespace halfpipe {
namespace {

// Steps whose every event is kept; of later ones every tenth is.
constexpr int64_t kStepsWithEvents = 20'000;
constexpr int64_t kThinning = 10;

// What may be gathered before it is written.
bool MayWait(const JobEventBody& event) {
  return std::holds_alternative<StepProgress>(event) ||
         std::holds_alternative<EncodingProgress>(event);
}

bool IsWorthKeeping(const JobEventBody& event) {
  const auto* step = std::get_if<StepProgress>(&event);
  return step == nullptr || step->steps_done <= kStepsWithEvents ||
         step->steps_done == step->steps_total ||
         step->steps_done % kThinning == 0;
}

bool Matches(const Job& job, const JobQuery& query) {
  if (!query.states.empty() &&
      std::find(query.states.begin(), query.states.end(), job.state) ==
          query.states.end()) {
    return false;
  }
  return std::all_of(
      query.labels.begin(), query.labels.end(), [&](const auto& label) {
        auto found = job.labels.find(label.first);
        return found != job.labels.end() && found->second == label.second;
      });
}

}  // namespace

absl::StatusOr<std::unique_ptr<JobBook>> JobBook::Load(
    std::unique_ptr<JobStore> store, absl::Time now) {
  std::unique_ptr<JobBook> book(new JobBook(std::move(store)));
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> live, book->store_->ListLive());
  for (StoredJob& stored : live) {
    const std::string id = stored.job.id;
    const bool queued = stored.job.state == JobState::kQueued;
    book->live_[id].stored = std::move(stored);
    if (queued) continue;
    HP_RETURN_IF_ERROR(book->Apply(id, JobTrigger::kInterrupted,
                                   "the coordinator was restarted",
                                   absl::OkStatus(), now));
  }
  return book;
}

absl::StatusOr<Job> JobBook::Create(const JobSpec& spec, absl::Time now,
                                    int64_t max_queued) {
  HP_RETURN_IF_ERROR(CheckJobSpec(spec));
  if (!spec.id.empty()) {
    absl::StatusOr<StoredJob> known = store_->Get(spec.id);
    if (known.ok()) {
      if (EncodeJobSpec(known->spec) == EncodeJobSpec(spec)) {
        return Get(spec.id);
      }
      return absl::AlreadyExistsError(
          absl::StrCat("job \"", spec.id,
                       "\" exists with another content: choose another id"));
    }
    if (!absl::IsNotFound(known.status())) return known.status();
  }
  HP_ASSIGN_OR_RETURN(Job job, MakeJob(spec, now));
  if (spec.validate_only) return job;
  if (CountQueued() >= max_queued) {
    return absl::ResourceExhaustedError(absl::StrCat(
        max_queued,
        " jobs wait already, which is this service's limit "
        "(limits.queued_jobs): try again when some of them have run"));
  }
  HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Create(job, spec));
  LiveJob& live = live_[job.id];
  live.stored = std::move(stored);
  AddEvent(&live, StateChange{JobState::kQueued, "", absl::OkStatus()}, now);
  HP_RETURN_IF_ERROR(Write(&live));
  return live.stored.job;
}

int64_t JobBook::CountQueued() const {
  return std::count_if(live_.begin(), live_.end(), [](const auto& job) {
    return job.second.stored.job.state == JobState::kQueued;
  });
}

absl::StatusOr<Job> JobBook::Get(const std::string& id) const {
  auto found = live_.find(id);
  if (found == live_.end()) {
    HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
    return std::move(stored.job);
  }
  Job job = found->second.stored.job;
  if (job.state == JobState::kQueued) {
    const std::vector<std::string> queue = Queue();
    job.queue_position =
        std::find(queue.begin(), queue.end(), id) - queue.begin() + 1;
  }
  return job;
}

absl::StatusOr<JobPage> JobBook::List(const JobQuery& query) const {
  constexpr int32_t kDefaultPage = 50;
  constexpr int32_t kLargestPage = 500;
  const auto wanted = static_cast<size_t>(
      query.page_size <= 0 ? kDefaultPage
                           : std::min(query.page_size, kLargestPage));
  int64_t before = std::numeric_limits<int64_t>::max();
  if (!query.page_token.empty() &&
      !absl::SimpleAtoi(query.page_token, &before)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "page token \"", query.page_token, "\" is not one of this service"));
  }
  JobPage page;
  while (true) {
    HP_ASSIGN_OR_RETURN(std::vector<StoredJob> rows,
                        store_->List(before, kDefaultPage));
    for (const StoredJob& row : rows) {
      HP_ASSIGN_OR_RETURN(Job job, Get(row.job.id));
      before = row.number;
      if (!Matches(job, query)) continue;
      job.config_yaml.clear();
      page.jobs.push_back(std::move(job));
      if (page.jobs.size() < wanted) continue;
      page.next_page_token = absl::StrCat(before);
      return page;
    }
    if (rows.size() < kDefaultPage) return page;
  }
}

std::map<std::string, int64_t> JobBook::CountLive() const {
  std::map<std::string, int64_t> counts;
  for (const auto& [id, live] : live_) {
    ++counts[std::string(JobStateName(live.stored.job.state))];
  }
  return counts;
}

absl::StatusOr<JobPlan> JobBook::Plan(const std::string& id) const {
  auto found = live_.find(id);
  if (found == live_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no live job ", id));
  }
  const StoredJob& stored = found->second.stored;
  JobPlan plan;
  plan.id = id;
  plan.kind = stored.job.kind;
  HP_ASSIGN_OR_RETURN(plan.config,
                      ParseJobConfig(stored.job.config_yaml, "stored config"));
  plan.config_yaml = stored.job.config_yaml;
  plan.config_digest = stored.job.config_digest;
  plan.record_dir = stored.spec.record_dir;
  plan.join_timeout = stored.spec.join_timeout;
  return plan;
}

std::vector<std::string> JobBook::Queue() const {
  std::vector<std::pair<int64_t, std::string>> queued;
  for (const auto& [id, live] : live_) {
    if (live.stored.job.state == JobState::kQueued) {
      queued.emplace_back(live.stored.number, id);
    }
  }
  std::sort(queued.begin(), queued.end());
  std::vector<std::string> ids;
  ids.reserve(queued.size());
  for (auto& [number, id] : queued) ids.push_back(std::move(id));
  return ids;
}

absl::StatusOr<JobBook::LiveJob*> JobBook::Revive(const std::string& id) {
  auto found = live_.find(id);
  if (found != live_.end()) return &found->second;
  HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
  LiveJob& live = live_[id];
  live.stored = std::move(stored);
  return &live;
}

absl::Status JobBook::Apply(const std::string& id, JobTrigger trigger,
                            const std::string& reason,
                            const absl::Status& error, absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob * live, Revive(id));
  Job& job = live->stored.job;
  const std::optional<JobState> next = NextJobState(job.state, trigger);
  if (!next.has_value()) {
    absl::Status refused = absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": it cannot ", JobTriggerName(trigger)));
    if (HasEnded(job.state)) live_.erase(id);
    return refused;
  }
  job.state = *next;
  job.reason = reason;
  job.error = error;
  if (trigger == JobTrigger::kStart && !job.started) job.started = now;
  if (trigger == JobTrigger::kStageLost) ++job.restarts;
  job.ended =
      HasEnded(job.state) ? std::optional<absl::Time>(now) : std::nullopt;
  AddEvent(live, StateChange{job.state, reason, error}, now);
  LogInfo(
      "job state",
      {{"job", id}, {"state", JobStateName(job.state)}, {"reason", reason}});
  absl::Status written = Write(live);
  if (written.ok() && HasEnded(job.state)) live_.erase(id);
  return written;
}

void JobBook::SetReason(const std::string& id, const std::string& reason,
                        absl::Time now) {
  auto found = live_.find(id);
  if (found == live_.end() || found->second.stored.job.reason == reason) {
    return;
  }
  Job& job = found->second.stored.job;
  job.reason = reason;
  AddEvent(&found->second, StateChange{job.state, reason, job.error}, now);
  if (absl::Status written = Write(&found->second); !written.ok()) {
    LogError("cannot write a job",
             {{"job", id}, {"status", written.message()}});
  }
}

void JobBook::Append(const std::string& id, const JobEventBody& event,
                     absl::Time now) {
  auto found = live_.find(id);
  if (found == live_.end()) return;
  LiveJob& live = found->second;
  if (const auto* step = std::get_if<StepProgress>(&event)) {
    live.stored.job.steps_done = step->steps_done;
    live.stored.job.last_step = *step;
  }
  if (!IsWorthKeeping(event)) return;
  AddEvent(&live, event, now);
  if (MayWait(event)) return;
  if (absl::Status written = Write(&live); !written.ok()) {
    LogError("cannot write a job's event",
             {{"job", id}, {"status", written.message()}});
  }
}

void JobBook::AddEvent(LiveJob* job, JobEventBody event, absl::Time now) {
  if (job->unwritten.empty()) job->unwritten_since = now;
  JobEvent added;
  added.cursor = ++job->stored.job.last_cursor;
  added.time = now;
  added.what = std::move(event);
  job->unwritten.push_back(std::move(added));
}

absl::Status JobBook::Write(LiveJob* job) {
  HP_RETURN_IF_ERROR(store_->Update(job->stored.job, job->unwritten));
  job->unwritten.clear();
  return absl::OkStatus();
}

absl::Status JobBook::CommitCheckpoint(const std::string& id,
                                       const Checkpoint& checkpoint,
                                       absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob * live, Revive(id));
  AddEvent(live, checkpoint, now);
  HP_RETURN_IF_ERROR(
      store_->CommitCheckpoint(live->stored.job, checkpoint, live->unwritten));
  live->unwritten.clear();
  std::vector<Checkpoint>& known = live->stored.job.checkpoints;
  std::erase_if(known, [&](const Checkpoint& old) {
    return old.steps_done == checkpoint.steps_done;
  });
  known.push_back(checkpoint);
  return absl::OkStatus();
}

void JobBook::ForgetCheckpoint(const std::string& id,
                               const Checkpoint& checkpoint) {
  auto found = live_.find(id);
  if (found == live_.end()) return;
  if (absl::Status status = store_->ForgetCheckpoint(id, checkpoint.steps_done);
      !status.ok()) {
    LogError("cannot forget a checkpoint",
             {{"job", id}, {"status", status.message()}});
    return;
  }
  std::erase_if(found->second.stored.job.checkpoints,
                [&](const Checkpoint& old) {
                  return old.steps_done == checkpoint.steps_done;
                });
}

void JobBook::SetExports(const std::string& id,
                         const std::vector<std::string>& paths) {
  auto found = live_.find(id);
  if (found != live_.end()) found->second.stored.job.exports = paths;
}

absl::StatusOr<Epoch> JobBook::NextEpoch(const std::string& id) {
  HP_ASSIGN_OR_RETURN(Epoch epoch, store_->NextEpoch());
  auto found = live_.find(id);
  if (found != live_.end()) found->second.stored.job.epoch = epoch.value();
  return epoch;
}

absl::StatusOr<std::vector<JobEvent>> JobBook::Events(const std::string& id,
                                                      int64_t after_cursor,
                                                      int64_t limit) const {
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  if (after_cursor < 0 || after_cursor > job.last_cursor) {
    return absl::OutOfRangeError(
        absl::StrCat("job ", id, " has events up to cursor ", job.last_cursor,
                     "; asked for those after ", after_cursor));
  }
  return store_->Events(id, after_cursor, limit);
}

bool JobBook::Flush(absl::Time now) {
  bool wrote = false;
  for (auto it = live_.begin(); it != live_.end();) {
    LiveJob& live = it->second;
    if (!live.unwritten.empty() &&
        now - live.unwritten_since >= kFlushInterval) {
      if (absl::Status written = Write(&live); !written.ok()) {
        // Waits for the next flush; the disk may have room again.
        LogError("cannot write a job's events",
                 {{"job", it->first}, {"status", written.message()}});
        live.unwritten_since = now;
      }
      wrote = true;
    }
    const bool done = live.unwritten.empty() && HasEnded(live.stored.job.state);
    it = done ? live_.erase(it) : std::next(it);
  }
  return wrote;
}

}  // namespace halfpipe
