#include "coordinator/schedule/job_book.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
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

bool IsWorthKeeping(const JobEventBody& event) {
  const auto* step = std::get_if<StepProgress>(&event);
  return step == nullptr || step->steps_done <= kStepsWithEvents ||
         step->steps_done == step->steps_total ||
         step->steps_done % kThinning == 0;
}

// What Apply does to a job.
struct Change {
  JobTrigger trigger;
  std::string reason;
  absl::Status error;
  std::optional<absl::Time> retry_at;
};

// Turns a failure that is worth another try into one.
void ConsiderRetry(const LiveJob& job, absl::Time now, Change* change) {
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

void InsertCheckpoint(const Checkpoint& checkpoint, Job* job) {
  std::vector<Checkpoint>& known = job->checkpoints;
  std::erase_if(known, [&](const Checkpoint& old) {
    return old.steps_done == checkpoint.steps_done;
  });
  const auto behind =
      std::find_if(known.begin(), known.end(), [&](const Checkpoint& other) {
        return other.steps_done > checkpoint.steps_done;
      });
  known.insert(behind, checkpoint);
}

}  // namespace

absl::StatusOr<std::unique_ptr<JobBook>> JobBook::Load(
    std::unique_ptr<JobStore> store, absl::Time now) {
  std::unique_ptr<JobBook> book(new JobBook(std::move(store)));
  HP_ASSIGN_OR_RETURN(const std::vector<QueuedJob> queued,
                      book->store_->ListQueued());
  for (const QueuedJob& job : queued) book->jobs_.Enqueue(job);
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
    book->jobs_.Admit(std::move(stored));
    if (state == JobState::kPaused) continue;
    HP_RETURN_IF_ERROR(book->Apply(id, JobTrigger::kInterrupted,
                                   "the coordinator was restarted",
                                   absl::OkStatus(), now));
  }
  if (const Ticket ticket = book->writes_.Submit(); ticket != nullptr) {
    HP_RETURN_IF_ERROR(book->store_->Wait(ticket));
    (void)book->writes_.Collect();
  }
  if (!damaged.empty()) {
    HP_RETURN_IF_ERROR(book->store_->SetAside(damaged, now));
  }
  return book;
}

void JobBook::Create(const JobSpec& spec, const Job& job, absl::Time now) {
  LiveJob* const live = jobs_.AddComing({.number = store_->NextNumber(),
                                         .job = job,
                                         .spec = spec,
                                         .request = DigestOf(spec),
                                         .bytes = BytesOf(job, spec)});
  writes_.Add(live, StateChange{JobState::kQueued, "", absl::OkStatus()}, now);
  live->urgent = true;
}

absl::Status JobBook::Apply(const std::string& id, JobTrigger trigger,
                            const std::string& reason,
                            const absl::Status& error, absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, writes_.Revive(id));
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
    if (HasEnded(job.state) && writes_.StateOf(id).tried_all &&
        live->unwritten.empty()) {
      writes_.Drop(id);
    }
    return refused;
  }
  jobs_.ChangeState(live, *next);
  job.reason = change.reason;
  job.error = change.error;
  job.retry_at = change.retry_at;
  if (change.trigger == JobTrigger::kRetry) ++job.retries;
  if (trigger == JobTrigger::kResume) job.retries = 0;
  if (trigger == JobTrigger::kStart && !job.started) job.started = now;
  if (trigger == JobTrigger::kStageLost) ++job.restarts;
  job.ended =
      HasEnded(job.state) ? std::optional<absl::Time>(now) : std::nullopt;
  writes_.Add(live, StateChange{job.state, job.reason, job.error}, now);
  LogInfo("job state", {{"job", id},
                        {"state", JobStateName(job.state)},
                        {"reason", job.reason}});
  live->urgent = true;
  return absl::OkStatus();
}

absl::Status JobBook::Resume(const std::string& id,
                             const ResumeOptions& options, absl::Time now) {
  HP_ASSIGN_OR_RETURN(const Job job, reader_.Get(id));
  if (job.state == JobState::kDone && !options.replace) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is done: it cannot resume"));
  }
  HP_RETURN_IF_ERROR(Apply(id, JobTrigger::kResume, "", absl::OkStatus(), now));
  if (LiveJob* live = jobs_.Find(id); live != nullptr) {
    live->stored.job.replace = options.replace;
    live->stored.job.accept_data = options.accept_data;
  }
  return absl::OkStatus();
}

void JobBook::SetReason(const std::string& id, const std::string& reason,
                        absl::Time now) {
  QueuedNeeds* const known = jobs_.FindNeeds(id);
  if (known != nullptr && known->reason == reason) return;
  const absl::StatusOr<LiveJob*> live = writes_.FindOrRevive(id);
  if (!live.ok() || (*live)->stored.job.reason == reason) return;
  Job& job = (*live)->stored.job;
  job.reason = reason;
  if (known != nullptr) known->reason = reason;
  writes_.Add(*live, StateChange{job.state, reason, job.error}, now);
  (*live)->urgent = true;
}

void JobBook::SetPair(const std::string& id, const std::string& pair) {
  if (LiveJob* live = jobs_.Find(id); live != nullptr) {
    live->stored.job.pair = pair;
  }
}

void JobBook::Append(const std::string& id, const JobEventBody& event,
                     absl::Time now) {
  LiveJob* live = jobs_.Find(id);
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
  writes_.Add(live, event, now);
  if (!MayWait(event)) live->urgent = true;
}

absl::StatusOr<Epoch> JobBook::NextEpoch(const std::string& id) {
  HP_ASSIGN_OR_RETURN(Epoch epoch, store_->NextEpoch());
  if (LiveJob* live = jobs_.Find(id); live != nullptr) {
    live->stored.job.epoch = epoch.value();
  }
  return epoch;
}

absl::Status JobBook::CommitCheckpoint(const std::string& id,
                                       const Checkpoint& checkpoint,
                                       absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, writes_.AwaitWrite(id));
  // They were meant for what the job found; from here on that is its own.
  live->stored.job.replace = false;
  live->stored.job.accept_data = false;
  writes_.Add(live, checkpoint, now);
  absl::Status written =
      store_->CommitCheckpoint(live->stored.job, checkpoint, live->unwritten);
  if (!written.ok()) {
    // It is not there, so nobody is told of it.
    writes_.TakeBack(live);
    return written;
  }
  writes_.OnAllWritten(live);
  InsertCheckpoint(checkpoint, &live->stored.job);
  return absl::OkStatus();
}

absl::Status JobBook::AdoptCheckpoint(const std::string& id,
                                      const Checkpoint& checkpoint) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, writes_.AwaitWrite(id));
  Job& job = live->stored.job;
  job.steps_done = std::max(job.steps_done, checkpoint.steps_done);
  // The job's row says how many events there are: those that wait go first.
  const std::vector<JobEvent> events = live->unwritten;
  HP_RETURN_IF_ERROR(store_->CommitCheckpoint(job, checkpoint, events));
  if (!events.empty()) writes_.OnAllWritten(live);
  InsertCheckpoint(checkpoint, &job);
  return absl::OkStatus();
}

void JobBook::ForgetCheckpoint(const std::string& id,
                               const Checkpoint& checkpoint) {
  LiveJob* live = jobs_.Find(id);
  if (live == nullptr) return;
  if (absl::Status status = store_->ForgetCheckpoint(id, checkpoint.steps_done);
      !status.ok()) {
    LogError("cannot forget a checkpoint",
             {{"job", id}, {"status", status.message()}});
    return;
  }
  std::erase_if(live->stored.job.checkpoints, [&](const Checkpoint& old) {
    return old.steps_done == checkpoint.steps_done;
  });
}

void JobBook::SetForecasts(const std::string& id,
                           const std::vector<StageForecast>& forecasts) {
  if (LiveJob* live = jobs_.Find(id); live != nullptr) {
    live->stored.job.forecasts = forecasts;
  }
}

void JobBook::SetExports(const std::string& id,
                         const std::vector<std::string>& paths) {
  if (LiveJob* live = jobs_.Find(id); live != nullptr) {
    live->stored.job.exports = paths;
  }
}

absl::StatusOr<Job> JobBook::Delete(const std::string& id) {
  HP_ASSIGN_OR_RETURN(Job job, reader_.Get(id));
  if (!HasEnded(job.state)) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": only the record of a job that has ended can be "
                     "deleted; halfpipe cancel ",
                     id, " ends it"));
  }
  if (jobs_.Find(id) != nullptr) {
    HP_ASSIGN_OR_RETURN(LiveJob* const live, writes_.AwaitWrite(id));
    if (!live->unwritten.empty()) {
      return absl::UnavailableError(absl::StrCat(
          "how job ", id, " ended is not on the disk yet: try again later"));
    }
    writes_.Drop(id);
  }
  HP_RETURN_IF_ERROR(store_->Delete({id}));
  LogInfo("job deleted", {{"job", id}});
  return job;
}

absl::StatusOr<size_t> JobBook::Prune(absl::Time before, int64_t keep,
                                      int64_t most) {
  HP_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                      store_->ListExpired(before, keep, most));
  std::erase_if(ids, [this](const std::string& id) {
    return jobs_.FindAny(id) != nullptr;  // somebody resumes it
  });
  if (ids.empty()) return 0;
  HP_RETURN_IF_ERROR(store_->Delete(ids));
  LogInfo("old jobs deleted", {{"jobs", ids.size()}, {"first", ids.front()}});
  return ids.size();
}

absl::Status JobBook::SetAside(const std::vector<std::string>& ids,
                               absl::Time now) {
  std::vector<std::string> aside;
  for (const std::string& id : ids) {
    if (jobs_.FindAny(id) != nullptr) continue;
    aside.push_back(id);
    jobs_.TakeOut(id);
  }
  if (aside.empty()) return absl::OkStatus();
  return store_->SetAside(aside, now);
}

void JobBook::Flush(absl::Time now) {
  writes_.Flush(now);
  jobs_.Rest();
}

}  // namespace halfpipe
