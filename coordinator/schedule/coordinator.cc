#include "coordinator/schedule/coordinator.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/store/checkpoint_manifest.h"
#include "coordinator/schedule/path_roots.h"

namespace halfpipe {
namespace {

// How soon a wait notices that its caller has gone.
constexpr absl::Duration kCancelCheck = absl::Milliseconds(500);

// How often the whole queue is looked at where nothing happens: for jobs that
// wait for a time.
constexpr absl::Duration kLookInterval = absl::Seconds(1);

}  // namespace

absl::Status Coordinator::ClosedError() {
  return absl::UnavailableError("the service is shutting down");
}

Coordinator::Coordinator(Options options, std::unique_ptr<JobBook> book,
                         CheckpointLedger* ledger, CoordinatorMetrics* metrics)
    : options_(std::move(options)),
      began_(options_.clock()),
      ledger_(ledger),
      metrics_(metrics),
      store_(book->store()),
      book_(std::move(book)),
      registry_(options_.stages),
      scrub_([](const std::string& directory) {
        return VerifyCheckpoint(directory).status();
      }),
      upkeep_(store_.state_dir()) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Create(
    Options options, std::unique_ptr<JobStore> store, CheckpointLedger* ledger,
    CoordinatorMetrics* metrics) {
  if (options.wall == nullptr) options.wall = options.clock;
  HP_ASSIGN_OR_RETURN(std::unique_ptr<JobBook> book,
                      JobBook::Load(std::move(store), options.wall()));
  return std::unique_ptr<Coordinator>(
      new Coordinator(std::move(options), std::move(book), ledger, metrics));
}

absl::StatusOr<Job> Coordinator::GetJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  return book_->GetWhole(id);
}

absl::StatusOr<JobPage> Coordinator::ListJobs(const JobQuery& query) {
  absl::MutexLock lock(&mutex_);
  return book_->List(query);
}

absl::StatusOr<Job> Coordinator::CancelNow(const std::string& id, bool now) {
  absl::MutexLock lock(&mutex_);
  const absl::Time time = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->GetWhole(id));
  if (HasEnded(job.state)) return job;
  if (PairRun* run = RunOf(id); run != nullptr) {
    run->runner().Stop(now ? StopKind::kCancelNow : StopKind::kCancel, time);
  } else {
    HP_RETURN_IF_ERROR(book_->Apply(id, JobTrigger::kCancel,
                                    "cancelled before it started",
                                    absl::OkStatus(), options_.wall()));
    waiting_since_.erase(id);
    retries_.erase(id);
    too_small_.erase(id);
  }
  Settle(time);
  return book_->GetWhole(id);
}

absl::StatusOr<Job> Coordinator::ResumeNow(const std::string& id,
                                           const ResumeOptions& options) {
  absl::MutexLock lock(&mutex_);
  if (shutting_down_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_RETURN_IF_ERROR(book_->Get(id).status());
  HP_RETURN_IF_ERROR(CheckRoomInQueue(/*bytes=*/0));
  HP_RETURN_IF_ERROR(book_->Resume(id, options, options_.wall()));
  queue_is_due_ = true;
  Settle(now);
  return book_->GetWhole(id);
}

absl::StatusOr<Job> Coordinator::PauseNow(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->GetWhole(id));
  if (job.state == JobState::kPaused || job.state == JobState::kPausing) {
    return job;
  }
  if (PairRun* run = RunOf(id);
      run != nullptr && job.state != JobState::kCancelling) {
    run->runner().Stop(StopKind::kPause, now);
  } else {
    HP_RETURN_IF_ERROR(book_->Apply(id, JobTrigger::kPause,
                                    "paused while it was queued",
                                    absl::OkStatus(), options_.wall()));
    waiting_since_.erase(id);
    retries_.erase(id);
  }
  Settle(now);
  return book_->GetWhole(id);
}

absl::StatusOr<Job> Coordinator::SaveJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->Get(id));
  PairRun* run = RunOf(id);
  if (run == nullptr || !run->runner().RequestSave(now)) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": only a job that trains has something to save"));
  }
  Settle(now);
  return book_->GetWhole(id);
}

absl::StatusOr<std::vector<StepTrace>> Coordinator::GetTrace(
    const std::string& id, int32_t steps) {
  absl::MutexLock lock(&mutex_);
  HP_ASSIGN_OR_RETURN(const Job job, book_->Get(id));
  std::vector<StepTrace> traces = traces_.Last(id, steps);
  if (!traces.empty()) return traces;
  return absl::FailedPreconditionError(absl::StrCat(
      "there is no step of job ", id, " to show (it is ",
      JobStateName(job.state),
      "): the service keeps the last steps of the jobs that it has seen "
      "training since it was started"));
}

ServerInfo Coordinator::Info() {
  absl::MutexLock lock(&mutex_);
  ServerInfo info = options_.info;
  info.stages = registry_.States(options_.clock());
  return info;
}

absl::Status Coordinator::Register(const StageInfo& info) {
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  if (closed_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(bool replaced, registry_.Register(info, now));
  if (JobRunner* runner = RunnerOn(info.pair); runner != nullptr) {
    if (replaced) runner->OnLost(info.rank, now);
    runner->OnJoined(info, now);
  }
  // It may have another device than the one that was there before.
  for (auto& [job, pairs] : too_small_) pairs.erase(info.pair);
  queue_is_due_ = true;
  Settle(now);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StageCommand>> Coordinator::WaitForCommand(
    const StagePlace& place, uint64_t incarnation, int64_t last_sequence,
    absl::Time deadline, const std::function<bool()>& cancelled) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    if (closed_) return ClosedError();
    // A command is only given to a caller that still listens.
    if (cancelled()) return absl::CancelledError("the stage hung up");
    HP_RETURN_IF_ERROR(registry_.Renew(place, incarnation, options_.clock()));
    std::optional<StageCommand> command = registry_.Next(place, last_sequence);
    const absl::Time now = SteadyNow();
    if (command.has_value() || now >= deadline) return command;
    changed_.WaitWithTimeout(&mutex_, std::min(deadline - now, kCancelCheck));
  }
}

absl::Status Coordinator::Report(const StagePlace& place, uint64_t incarnation,
                                 const CommandResult& reported) {
  // Looks at many files: not under the lock.
  const CommandResult result = ConfineScan(options_.roots, reported);
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  HP_RETURN_IF_ERROR(registry_.Renew(place, incarnation, now));
  if (JobRunner* runner = RunnerOn(place.pair); runner != nullptr) {
    runner->OnResult(place.rank, result, now);
  }
  Settle(now);
  return absl::OkStatus();
}

absl::StatusOr<HeartbeatReply> Coordinator::Heartbeat(
    const StagePlace& place, uint64_t incarnation,
    const StageHeartbeat& heartbeat) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  HeartbeatReply reply;
  if (registry_.WaitsInVain(place, heartbeat)) {
    reply.abandon = true;
    reply.epoch = heartbeat.epoch;
    return reply;
  }
  HP_RETURN_IF_ERROR(registry_.OnHeartbeat(place, incarnation, heartbeat, now));
  reply.epoch = pair_epochs_[place.pair];
  if (JobRunner* runner = RunnerOn(place.pair); runner != nullptr) {
    runner->OnHeartbeat(place.rank, heartbeat, now);
    for (const StageLine& line : heartbeat.lines) {
      if (!runs_[place.pair]->Owns(line.epoch)) continue;
      // Log levels above debug and severities are numbered alike.
      book_->Append(runs_[place.pair]->job(),
                    LogLine{static_cast<LogSeverity>(line.level), line.text,
                            place.rank.value()},
                    options_.wall());
    }
    reply.abandon = runner->WantsAbandon(place.rank);
    reply.stuck = runner->IsStuck(place.rank, heartbeat);
    reply.epoch = runner->epoch();
  }
  return reply;
}

void Coordinator::Tick() {
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  TickLocked(options_.clock());
}

void Coordinator::TickLocked(absl::Time now) {
  // Whoever waited while this process did not run has not been silent.
  constexpr absl::Duration kLate = absl::Seconds(2);
  if (last_tick_.has_value() && now - *last_tick_ > kLate) {
    registry_.ExtendLeases(now - *last_tick_);
  }
  NoteClock(now);
  last_tick_ = now;
  for (const StagePlace& place : registry_.RemoveLost(now)) {
    queue_is_due_ = true;
    if (JobRunner* runner = RunnerOn(place.pair); runner != nullptr) {
      runner->OnLost(place.rank, now);
    }
  }
  for (auto& [pair, run] : runs_) run->runner().OnTick(now);
  Scrub(now);
  KeepStore(now);
  book_->Flush(options_.wall());
  if (now - last_look_ >= kLookInterval) queue_is_due_ = true;
  Settle(now);
}

void Coordinator::Settle(absl::Time now) {
  RemoveFinishedRuns();
  if (queue_is_due_ && !shutting_down_) {
    queue_is_due_ = false;
    last_look_ = now;
    AssignQueue(now);
    // A run may end where it begins: a job that lacks nothing.
    RemoveFinishedRuns();
  }
  for (auto& [pair, run] : runs_) pair_epochs_[pair] = run->runner().epoch();
  metrics_->SetJobs(book_->CountLive(),
                    static_cast<int64_t>(book_->queue().size()));
  changed_.SignalAll();
}

void Coordinator::RemoveFinishedRuns() {
  for (auto it = runs_.begin(); it != runs_.end();) {
    if (!it->second->runner().finished()) {
      ++it;
      continue;
    }
    pair_epochs_[it->first] = it->second->runner().epoch();
    const absl::StatusOr<Job> job = book_->Get(it->second->job());
    if (!job.ok() || job->state != JobState::kQueued) {
      too_small_.erase(it->second->job());
    }
    it = runs_.erase(it);
    queue_is_due_ = true;
  }
}

JobRunner* Coordinator::RunnerOn(const std::string& pair) {
  auto found = runs_.find(pair);
  return found == runs_.end() ? nullptr : &found->second->runner();
}

PairRun* Coordinator::RunOf(const std::string& job) {
  for (auto& [pair, run] : runs_) {
    if (run->job() == job && !run->runner().finished()) return run.get();
  }
  return nullptr;
}

void Coordinator::BeginShutdown() {
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  shutting_down_ = true;
  const absl::Time now = options_.clock();
  for (auto& [pair, run] : runs_) {
    run->runner().Stop(StopKind::kInterrupt, now);
  }
  Settle(now);
}

std::vector<std::pair<std::string, std::string>> Coordinator::Folders() {
  std::vector<std::pair<std::string, std::string>> folders = {
      {"state", options_.info.state_dir}};
  absl::MutexLock lock(&mutex_);
  for (const auto& [pair, run] : runs_) {
    folders.emplace_back("output", run->output_dir());
    if (!run->cache_dir().empty()) {
      folders.emplace_back("cache", run->cache_dir());
    }
  }
  return folders;
}

bool Coordinator::Idle() {
  absl::MutexLock lock(&mutex_);
  return runs_.empty();
}

void Coordinator::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  changed_.SignalAll();
  news_.WakeAll();
}

}  // namespace halfpipe
