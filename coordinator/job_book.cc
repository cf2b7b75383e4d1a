#include "coordinator/job_book.h"

#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/rpc/job_storage_format.h"
#include "coordinator/job_request.h"
#include "coordinator/retry_policy.h"

namespace halfpipe {
namespace {

// Steps whose every event is kept; of later ones every tenth is.
constexpr int64_t kStepsWithEvents = 20'000;
constexpr int64_t kThinning = 10;

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

}  // namespace

absl::StatusOr<std::unique_ptr<JobBook>> JobBook::Load(
    std::unique_ptr<JobStore> store, absl::Time now) {
  std::unique_ptr<JobBook> book(new JobBook(std::move(store)));
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> live, book->store_->ListLive());
  for (StoredJob& stored : live) {
    const std::string id = stored.job.id;
    const JobState state = stored.job.state;
    LiveJob& job = book->live_[id];
    job.stored = std::move(stored);
    book->Recount(&job);
    if (state == JobState::kQueued || state == JobState::kPaused) continue;
    HP_RETURN_IF_ERROR(book->Apply(id, JobTrigger::kInterrupted,
                                   "the coordinator was restarted",
                                   absl::OkStatus(), now));
  }
  return book;
}

absl::StatusOr<Job> JobBook::Create(const JobSpec& spec, absl::Time now) {
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
  HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Create(job, spec));
  LiveJob& live = live_[job.id];
  live.stored = std::move(stored);
  Recount(&live);
  AddEvent(&live, StateChange{JobState::kQueued, "", absl::OkStatus()}, now);
  HP_RETURN_IF_ERROR(Write(&live));
  return Get(job.id);
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

absl::StatusOr<JobNeeds> JobBook::Needs(const std::string& id) {
  auto found = live_.find(id);
  if (found == live_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no live job ", id));
  }
  LiveJob& live = found->second;
  if (!live.needs.has_value()) {
    HP_ASSIGN_OR_RETURN(
        const JobConfig config,
        ParseJobConfig(live.stored.job.config_yaml, "stored config"));
    live.needs = NeedsOf(config, live.stored.spec);
  }
  return *live.needs;
}

absl::StatusOr<absl::Time> JobBook::NotBefore(const std::string& id) const {
  auto found = live_.find(id);
  if (found == live_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no live job ", id));
  }
  return found->second.stored.job.retry_at.value_or(absl::InfinitePast());
}

void JobBook::Recount(LiveJob* job) {
  const StoredJob& stored = job->stored;
  const Job& now = stored.job;
  if (job->counted == now.state) return;
  if (job->counted.has_value()) --counts_[*job->counted];
  if (job->counted == JobState::kQueued) {
    queue_.Remove(now.priority, stored.number, now.id);
  }
  job->counted = now.state;
  ++counts_[now.state];
  if (now.state == JobState::kQueued) {
    queue_.Add(now.priority, stored.number, now.id);
  }
}

JobBook::LiveJobs::iterator JobBook::Drop(LiveJobs::iterator job) {
  if (job->second.counted.has_value()) --counts_[*job->second.counted];
  return live_.erase(job);
}

absl::StatusOr<JobBook::LiveJob*> JobBook::Revive(const std::string& id) {
  auto found = live_.find(id);
  if (found != live_.end()) return &found->second;
  HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
  LiveJob& live = live_[id];
  live.stored = std::move(stored);
  return &live;
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
  if (trigger == JobTrigger::kFail) ConsiderRetry(*live, now, &change);
  const std::optional<JobState> next = NextJobState(job.state, change.trigger);
  if (!next.has_value()) {
    absl::Status refused = absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": it cannot ", JobTriggerName(change.trigger)));
    if (HasEnded(job.state)) Drop(live_.find(id));
    return refused;
  }
  job.state = *next;
  job.reason = change.reason;
  job.error = change.error;
  job.retry_at = change.retry_at;
  if (change.trigger == JobTrigger::kRetry) ++job.retries;
  if (trigger == JobTrigger::kResume) job.retries = 0;
  if (trigger == JobTrigger::kStart && !job.started) job.started = now;
  if (trigger == JobTrigger::kStageLost) ++job.restarts;
  job.ended =
      HasEnded(job.state) ? std::optional<absl::Time>(now) : std::nullopt;
  Recount(live);
  AddEvent(live, StateChange{job.state, job.reason, job.error}, now);
  LogInfo("job state", {{"job", id},
                        {"state", JobStateName(job.state)},
                        {"reason", job.reason}});
  absl::Status written = Write(live);
  if (written.ok() && HasEnded(job.state)) Drop(live_.find(id));
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
  // Written with what comes next, or by Flush: it is for people.
  AddEvent(&found->second, StateChange{job.state, reason, job.error}, now);
}

void JobBook::SetPair(const std::string& id, const std::string& pair) {
  auto found = live_.find(id);
  if (found != live_.end()) found->second.stored.job.pair = pair;
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
    it = done ? Drop(it) : std::next(it);
  }
  return wrote;
}

}  // namespace halfpipe
