#include "coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "coordinator/path_roots.h"

namespace halfpipe {
namespace {

constexpr int64_t kEventsAtOnce = 500;
// How soon a wait notices that its caller has gone.
constexpr absl::Duration kCancelCheck = absl::Milliseconds(500);

absl::Status ClosedError() {
  return absl::UnavailableError("the service is shutting down");
}

std::string MissingStages(const std::vector<StageInfo>& stages, int64_t world) {
  std::string missing;
  for (int64_t rank = 0; rank < world; ++rank) {
    const bool here = std::any_of(
        stages.begin(), stages.end(),
        [rank](const StageInfo& stage) { return stage.rank.value() == rank; });
    if (here) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : " and ", "stage ", rank);
  }
  return missing;
}

}  // namespace

Coordinator::Coordinator(Options options, std::unique_ptr<JobBook> book,
                         CheckpointLedger* ledger, CoordinatorMetrics* metrics)
    : options_(std::move(options)),
      ledger_(ledger),
      metrics_(metrics),
      book_(std::move(book)),
      registry_(options_.stages) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Create(
    Options options, std::unique_ptr<JobStore> store, CheckpointLedger* ledger,
    CoordinatorMetrics* metrics) {
  HP_ASSIGN_OR_RETURN(std::unique_ptr<JobBook> book,
                      JobBook::Load(std::move(store), options.clock()));
  return std::unique_ptr<Coordinator>(
      new Coordinator(std::move(options), std::move(book), ledger, metrics));
}

absl::StatusOr<Job> Coordinator::CreateJob(const JobSpec& spec) {
  absl::MutexLock lock(&mutex_);
  if (shutting_down_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job,
                      book_->Create(spec, now, options_.max_queued_jobs));
  if (spec.validate_only) return job;
  Settle(now);
  return book_->Get(job.id);
}

absl::StatusOr<Job> Coordinator::GetJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  return book_->Get(id);
}

absl::StatusOr<JobPage> Coordinator::ListJobs(const JobQuery& query) {
  absl::MutexLock lock(&mutex_);
  return book_->List(query);
}

absl::StatusOr<Job> Coordinator::CancelJob(const std::string& id, bool now) {
  absl::MutexLock lock(&mutex_);
  const absl::Time time = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->Get(id));
  if (HasEnded(job.state)) return job;
  if (PairRun* run = RunOf(id); run != nullptr) {
    run->runner().Stop(now ? StopKind::kCancelNow : StopKind::kCancel, time);
  } else {
    HP_RETURN_IF_ERROR(book_->Apply(id, JobTrigger::kCancel,
                                    "cancelled before it started",
                                    absl::OkStatus(), time));
  }
  Settle(time);
  return book_->Get(id);
}

absl::StatusOr<Job> Coordinator::ResumeJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  if (shutting_down_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_RETURN_IF_ERROR(book_->Get(id).status());
  HP_RETURN_IF_ERROR(
      book_->Apply(id, JobTrigger::kResume, "", absl::OkStatus(), now));
  Settle(now);
  return book_->Get(id);
}

ServerInfo Coordinator::Info() {
  absl::MutexLock lock(&mutex_);
  ServerInfo info = options_.info;
  info.stages = registry_.States(options_.clock());
  return info;
}

absl::StatusOr<Coordinator::EventBatch> Coordinator::WaitForEvents(
    const std::string& id, int64_t after_cursor, absl::Time deadline,
    const std::function<bool()>& cancelled) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    // The job first: its last event is written before it has ended.
    HP_ASSIGN_OR_RETURN(Job job, book_->Get(id));
    EventBatch batch;
    HP_ASSIGN_OR_RETURN(batch.events,
                        book_->Events(id, after_cursor, kEventsAtOnce));
    batch.complete = HasEnded(job.state) && batch.events.size() < kEventsAtOnce;
    if (!batch.events.empty() || batch.complete) return batch;
    if (closed_) return ClosedError();
    const absl::Time now = absl::Now();
    if (now >= deadline || cancelled()) return batch;
    changed_.WaitWithDeadline(&mutex_, std::min(deadline, now + kCancelCheck));
  }
}

absl::Status Coordinator::Register(const StageInfo& info) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(bool replaced, registry_.Register(info, now));
  if (JobRunner* runner = RunnerOn(info.pair); runner != nullptr) {
    if (replaced) runner->OnLost(info.rank, now);
    runner->OnJoined(info, now);
  }
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
    const absl::Time now = absl::Now();
    if (command.has_value() || now >= deadline) return command;
    changed_.WaitWithDeadline(&mutex_, std::min(deadline, now + kCancelCheck));
  }
}

absl::Status Coordinator::Report(const StagePlace& place, uint64_t incarnation,
                                 const CommandResult& reported) {
  // Looks at many files: not under the lock.
  const CommandResult result = ConfineScan(options_.roots, reported);
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
  HP_RETURN_IF_ERROR(
      registry_.OnHeartbeat(place, incarnation, heartbeat, options_.clock()));
  HeartbeatReply reply;
  reply.epoch = pair_epochs_[place.pair];
  if (JobRunner* runner = RunnerOn(place.pair); runner != nullptr) {
    runner->OnHeartbeat(place.rank, heartbeat);
    reply.abandon = runner->WantsAbandon(place.rank);
    reply.epoch = runner->epoch();
  }
  return reply;
}

void Coordinator::Tick() {
  absl::MutexLock lock(&mutex_);
  TickLocked(options_.clock());
}

void Coordinator::TickLocked(absl::Time now) {
  // Whoever waited while this process did not run has not been silent.
  constexpr absl::Duration kLate = absl::Seconds(2);
  if (last_tick_.has_value() && now - *last_tick_ > kLate) {
    registry_.ExtendLeases(now - *last_tick_);
  }
  last_tick_ = now;
  for (const StagePlace& place : registry_.RemoveLost(now)) {
    if (JobRunner* runner = RunnerOn(place.pair); runner != nullptr) {
      runner->OnLost(place.rank, now);
    }
  }
  for (auto& [pair, run] : runs_) run->runner().OnTick(now);
  book_->Flush(now);
  Settle(now);
}

void Coordinator::Settle(absl::Time now) {
  RemoveFinishedRuns();
  if (!shutting_down_) {
    for (const std::string& id : book_->Queue()) AssignJob(id, now);
    // A run may end where it begins: a job that lacks nothing.
    RemoveFinishedRuns();
  }
  for (auto& [pair, run] : runs_) pair_epochs_[pair] = run->runner().epoch();
  metrics_->SetJobs(book_->CountLive(),
                    static_cast<int64_t>(book_->Queue().size()));
  changed_.SignalAll();
}

void Coordinator::RemoveFinishedRuns() {
  for (auto it = runs_.begin(); it != runs_.end();) {
    if (!it->second->runner().finished()) {
      ++it;
      continue;
    }
    pair_epochs_[it->first] = it->second->runner().epoch();
    it = runs_.erase(it);
  }
}

void Coordinator::AssignJob(const std::string& id, absl::Time now) {
  absl::StatusOr<JobPlan> plan = book_->Plan(id);
  absl::StatusOr<Job> job = book_->Get(id);
  if (!plan.ok() || !job.ok()) {
    const absl::Status problem = plan.ok() ? job.status() : plan.status();
    (void)book_->Apply(id, JobTrigger::kFail, std::string(problem.message()),
                       problem, now);
    return;
  }
  // Two jobs in one folder would overwrite and prune each other's checkpoints.
  const std::string output_dir = NormalFolder(plan->config.output.dir);
  for (const auto& [pair, run] : runs_) {
    if (run->output_dir() != output_dir) continue;
    waiting_since_.erase(id);
    return book_->SetReason(id,
                            absl::StrCat("waits for job ", run->job(),
                                         ", which writes to the same folder"),
                            now);
  }
  bool pair_is_busy = false;
  for (const std::string& pair : registry_.Pairs()) {
    if (!MissingStages(StagesOf(pair), plan->config.pipeline.stages).empty()) {
      continue;
    }
    if (!runs_.contains(pair)) {
      waiting_since_.erase(id);
      const absl::Status inside =
          CheckPaths(options_.roots, plan->config, plan->record_dir);
      if (!inside.ok()) {
        (void)book_->Apply(id, JobTrigger::kFail, std::string(inside.message()),
                           inside, now);
        return;
      }
      return StartRun(pair, *std::move(plan), std::move(job->checkpoints), now);
    }
    pair_is_busy = true;
  }
  KeepWaiting(*plan, pair_is_busy || !runs_.empty(), now);
}

std::vector<StageInfo> Coordinator::StagesOf(const std::string& pair) const {
  std::vector<StageInfo> stages;
  for (int32_t rank = 0; rank < 2; ++rank) {
    const StageInfo* stage = registry_.Find({pair, Rank(rank)});
    if (stage != nullptr) stages.push_back(*stage);
  }
  return stages;
}

void Coordinator::StartRun(const std::string& pair, JobPlan plan,
                           std::vector<Checkpoint> checkpoints,
                           absl::Time now) {
  metrics_->SetJobInfo(plan.id, plan.config.model.variant,
                       plan.config.lora.rank);
  auto run = std::make_unique<PairRun>(
      pair, std::move(plan), std::move(checkpoints),
      RunServices{book_.get(), &registry_, ledger_, metrics_, options_.clock});
  JobRunner& runner = run->runner();
  runs_[pair] = std::move(run);
  runner.Begin(StagesOf(pair), now);
}

void Coordinator::KeepWaiting(const JobPlan& plan, bool pair_is_busy,
                              absl::Time now) {
  if (pair_is_busy) {
    waiting_since_.erase(plan.id);
    return book_->SetReason(plan.id, "waits for the job before it", now);
  }
  const std::vector<std::string> pairs = registry_.Pairs();
  const std::vector<StageInfo> here =
      pairs.empty() ? std::vector<StageInfo>() : StagesOf(pairs.front());
  const std::string missing = MissingStages(here, plan.config.pipeline.stages);
  const absl::Time since =
      waiting_since_.try_emplace(plan.id, now).first->second;
  if (now - since <= plan.join_timeout) {
    return book_->SetReason(plan.id, absl::StrCat("waits for ", missing), now);
  }
  waiting_since_.erase(plan.id);
  const absl::Status error = absl::DeadlineExceededError(absl::StrCat(
      missing, " did not join within ", absl::FormatDuration(plan.join_timeout),
      ": see that process's log for the reason"));
  (void)book_->Apply(plan.id, JobTrigger::kFail, std::string(error.message()),
                     error, now);
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
  absl::MutexLock lock(&mutex_);
  shutting_down_ = true;
  const absl::Time now = options_.clock();
  for (auto& [pair, run] : runs_) {
    run->runner().Stop(StopKind::kInterrupt, now);
  }
  Settle(now);
}

bool Coordinator::Idle() {
  absl::MutexLock lock(&mutex_);
  return runs_.empty();
}

void Coordinator::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  changed_.SignalAll();
}

}  // namespace halfpipe
