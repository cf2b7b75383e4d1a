#include "coordinator/schedule/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "coordinator/schedule/path_roots.h"
#include "coordinator/schedule/queue_room.h"
#include "coordinator/store/job_request.h"
#include "coordinator/store/stored_job.h"

namespace halfpipe {
namespace {

// How soon a wait notices that its caller has gone.
constexpr absl::Duration kCancelCheck = absl::Milliseconds(500);

// What a call gets while or after the service ends.
absl::Status ClosedError() {
  return absl::UnavailableError("the service is shutting down");
}

// Whether one more job, of so many bytes, may wait: CheckRoomInQueue.
absl::Status CheckRoom(const Coordinator::Options& options, const JobBook& book,
                       int64_t bytes) {
  return CheckRoomInQueue(
      {options.max_queued_jobs, options.max_queued_bytes},
      {static_cast<int64_t>(book.queue().size()), book.QueuedBytes()}, bytes);
}

}  // namespace

Coordinator::Coordinator(Options options, std::unique_ptr<JobBook> book,
                         CheckpointLedger* ledger, CoordinatorMetrics* metrics)
    : options_(std::move(options)),
      submissions_(options_.roots),
      store_(book->store()),
      book_(std::move(book)),
      registry_(options_.stages),
      fit_(book_.get(), &registry_),
      runs_(RunServices{.book = book_.get(),
                        .registry = &registry_,
                        .fit = &fit_,
                        .ledger = ledger,
                        .metrics = metrics,
                        .clock = options_.clock,
                        .wall = options_.wall}),
      queue_(options_.roots, options_.clock(), &runs_),
      stages_(&runs_),
      delivery_(book_.get()),
      keeper_(book_.get(), metrics, options_.wall, options_.retention) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Create(
    Options options, std::unique_ptr<JobStore> store, CheckpointLedger* ledger,
    CoordinatorMetrics* metrics) {
  if (options.wall == nullptr) options.wall = options.clock;
  HP_ASSIGN_OR_RETURN(std::unique_ptr<JobBook> book,
                      JobBook::Load(std::move(store), options.wall()));
  return std::unique_ptr<Coordinator>(
      new Coordinator(std::move(options), std::move(book), ledger, metrics));
}

void Coordinator::Commit() {
  JobBook::Ticket ticket;
  do {
    // What went wrong is in the log, and written again later.
    if (ticket != nullptr) (void)store_.Wait(ticket);
    absl::MutexLock lock(&mutex_);
    delivery_.Publish();
    ticket = delivery_.TakeSubmitted();
  } while (ticket != nullptr);
}

absl::Status Coordinator::AwaitWritten(const std::string& id, int64_t cursor) {
  while (true) {
    JobWrites::State state;
    {
      absl::MutexLock lock(&mutex_);
      delivery_.Publish();
      state = book_->writes().StateOf(id);
    }
    if (state.cursor >= cursor) return absl::OkStatus();
    if (state.ticket == nullptr) return state.last;
    HP_RETURN_IF_ERROR(store_.Wait(state.ticket));
  }
}

absl::StatusOr<Job> Coordinator::CreateJob(const JobSpec& spec) {
  const absl::Time now = options_.clock();
  // Takes longer than all the rest, and needs nothing of ours.
  HP_ASSIGN_OR_RETURN(const Submission read,
                      submissions_.Read(spec, options_.wall()));
  const Job& job = read.job;
  const Durably durably(this);
  JobBook::Ticket ticket;
  {
    absl::MutexLock lock(&mutex_);
    if (shutting_down_) return ClosedError();
    HP_ASSIGN_OR_RETURN(const bool known, book_->reader().Knows(job.id, spec));
    if (spec.validate_only) return job;
    if (known) {
      ticket = book_->writes().StateOf(job.id).ticket;
    } else {
      HP_RETURN_IF_ERROR(CheckRoom(options_, *book_, BytesOf(job, spec)));
      ticket = BeginCreate(spec, job, now);
    }
  }
  if (ticket != nullptr) HP_RETURN_IF_ERROR(store_.Wait(ticket));
  absl::MutexLock lock(&mutex_);
  delivery_.Publish();
  HP_ASSIGN_OR_RETURN(const Job queued, book_->reader().Get(job.id));
  if (!shutting_down_) queue_.OnQueued(queued, now);
  Settle(now);
  return book_->reader().GetWhole(job.id);
}

JobBook::Ticket Coordinator::BeginCreate(const JobSpec& spec, const Job& job,
                                         absl::Time now) {
  book_->Create(spec, job, options_.wall());
  queue_.OnCreated(job.id, now);
  delivery_.Publish();
  return book_->writes().StateOf(job.id).ticket;
}

absl::StatusOr<Job> Coordinator::GetJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  return book_->reader().GetWhole(id);
}

absl::StatusOr<JobPage> Coordinator::ListJobs(const JobQuery& query) {
  absl::MutexLock lock(&mutex_);
  return book_->reader().List(query);
}

absl::StatusOr<Job> Coordinator::CancelJob(const std::string& id, bool now) {
  const Durably durably(this);
  HP_ASSIGN_OR_RETURN(Job job, CancelNow(id, now));
  HP_RETURN_IF_ERROR(AwaitWritten(id, job.last_cursor));
  return job;
}

absl::StatusOr<Job> Coordinator::CancelNow(const std::string& id, bool now) {
  absl::MutexLock lock(&mutex_);
  const absl::Time time = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->reader().GetWhole(id));
  if (HasEnded(job.state)) return job;
  if (PairRun* run = runs_.RunOf(id); run != nullptr) {
    run->runner().Stop(now ? StopKind::kCancelNow : StopKind::kCancel, time);
  } else {
    HP_RETURN_IF_ERROR(book_->Apply(id, JobTrigger::kCancel,
                                    "cancelled before it started",
                                    absl::OkStatus(), options_.wall()));
    queue_.Forget(id);
    fit_.ForgetJob(id);
  }
  Settle(time);
  return book_->reader().GetWhole(id);
}

absl::StatusOr<Job> Coordinator::ResumeJob(const std::string& id,
                                           const ResumeOptions& options) {
  const Durably durably(this);
  HP_ASSIGN_OR_RETURN(Job job, ResumeNow(id, options));
  HP_RETURN_IF_ERROR(AwaitWritten(id, job.last_cursor));
  return job;
}

absl::StatusOr<Job> Coordinator::ResumeNow(const std::string& id,
                                           const ResumeOptions& options) {
  absl::MutexLock lock(&mutex_);
  if (shutting_down_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_RETURN_IF_ERROR(book_->reader().Get(id).status());
  HP_RETURN_IF_ERROR(CheckRoom(options_, *book_, /*bytes=*/0));
  HP_RETURN_IF_ERROR(book_->Resume(id, options, options_.wall()));
  queue_.SetDue();
  Settle(now);
  return book_->reader().GetWhole(id);
}

absl::StatusOr<Job> Coordinator::PauseJob(const std::string& id) {
  const Durably durably(this);
  HP_ASSIGN_OR_RETURN(Job job, PauseNow(id));
  HP_RETURN_IF_ERROR(AwaitWritten(id, job.last_cursor));
  return job;
}

absl::StatusOr<Job> Coordinator::PauseNow(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->reader().GetWhole(id));
  if (job.state == JobState::kPaused || job.state == JobState::kPausing) {
    return job;
  }
  if (PairRun* run = runs_.RunOf(id);
      run != nullptr && job.state != JobState::kCancelling) {
    run->runner().Stop(StopKind::kPause, now);
  } else {
    HP_RETURN_IF_ERROR(book_->Apply(id, JobTrigger::kPause,
                                    "paused while it was queued",
                                    absl::OkStatus(), options_.wall()));
    queue_.Forget(id);
  }
  Settle(now);
  return book_->reader().GetWhole(id);
}

absl::StatusOr<Job> Coordinator::SaveJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  HP_ASSIGN_OR_RETURN(Job job, book_->reader().Get(id));
  PairRun* run = runs_.RunOf(id);
  if (run == nullptr || !run->runner().RequestSave(now)) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": only a job that trains has something to save"));
  }
  Settle(now);
  return book_->reader().GetWhole(id);
}

absl::StatusOr<Job> Coordinator::DeleteJob(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  HP_ASSIGN_OR_RETURN(Job job, book_->Delete(id));
  runs_.traces().Forget(id);
  keeper_.OnDeleted();
  Settle(options_.clock());
  return job;
}

absl::StatusOr<std::vector<StepTrace>> Coordinator::GetTrace(
    const std::string& id, int32_t steps) {
  absl::MutexLock lock(&mutex_);
  HP_ASSIGN_OR_RETURN(const Job job, book_->reader().Get(id));
  std::vector<StepTrace> traces = runs_.traces().Last(id, steps);
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

absl::StatusOr<EventBatch> Coordinator::WaitForEvents(
    const std::string& id, int64_t after_cursor, absl::Time deadline,
    const std::function<bool()>& cancelled) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    HP_ASSIGN_OR_RETURN(EventBatch batch, delivery_.Read(id, after_cursor));
    if (!batch.events.empty() || batch.complete) return batch;
    bool has_news = false;
    while (!has_news) {
      if (closed_) return ClosedError();
      const absl::Time now = SteadyNow();
      if (now >= deadline || cancelled()) return batch;
      has_news = delivery_.WaitForNews(
          id, after_cursor, std::min(deadline, now + kCancelCheck), &mutex_);
    }
  }
}

absl::Status Coordinator::Register(const StageInfo& info) {
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  if (closed_) return ClosedError();
  const absl::Time now = options_.clock();
  HP_RETURN_IF_ERROR(stages_.Register(info, now));
  // It may have another device than the one that was there before.
  fit_.ForgetPair(info.pair);
  queue_.SetDue();
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
  HP_RETURN_IF_ERROR(stages_.Report(place, incarnation, result, now));
  Settle(now);
  return absl::OkStatus();
}

absl::StatusOr<HeartbeatReply> Coordinator::Heartbeat(
    const StagePlace& place, uint64_t incarnation,
    const StageHeartbeat& heartbeat) {
  absl::MutexLock lock(&mutex_);
  return stages_.Heartbeat(place, incarnation, heartbeat, options_.clock());
}

std::vector<std::pair<std::string, std::string>> Coordinator::Folders() {
  std::vector<std::pair<std::string, std::string>> folders = {
      {"state", options_.info.state_dir}};
  absl::MutexLock lock(&mutex_);
  const auto of_jobs = runs_.Folders();
  folders.insert(folders.end(), of_jobs.begin(), of_jobs.end());
  return folders;
}

void Coordinator::Tick() {
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.clock();
  keeper_.NoteClock(now);
  if (stages_.OnTick(now)) queue_.SetDue();
  runs_.OnTick(now);
  keeper_.OnTick(now);
  book_->Flush(options_.wall());
  queue_.OnTick(now);
  Settle(now);
}

void Coordinator::Settle(absl::Time now) {
  queue_.Settle(now, /*may_start=*/!shutting_down_);
  changed_.SignalAll();
}

absl::StatusOr<std::string> Coordinator::Pulse() {
  absl::MutexLock lock(&mutex_);
  HP_RETURN_IF_ERROR(keeper_.Check());
  return absl::StrCat(runs_.size(), " running, ", book_->queue().size(),
                      " queued, ", registry_.States(options_.clock()).size(),
                      " stages");
}

void Coordinator::BeginShutdown() {
  const Durably durably(this);
  absl::MutexLock lock(&mutex_);
  shutting_down_ = true;
  const absl::Time now = options_.clock();
  runs_.StopAll(StopKind::kInterrupt, now);
  Settle(now);
}

bool Coordinator::Idle() {
  absl::MutexLock lock(&mutex_);
  return runs_.size() == 0;
}

void Coordinator::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  changed_.SignalAll();
  delivery_.WakeAll();
}

}  // namespace halfpipe
