// The coordinator itself: jobs, stages and runs behind one lock. The gRPC
// services and main() are thin layers over it.
#ifndef HP_COORDINATOR_SCHEDULE_COORDINATOR_H_
#define HP_COORDINATOR_SCHEDULE_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/config/service_config.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/checkpoint_ledger.h"
#include "coordinator/schedule/coordinator_metrics.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/schedule/pair_run.h"
#include "coordinator/schedule/stage_registry.h"
#include "coordinator/schedule/trace_book.h"
#include "coordinator/store/checkpoint_scrub.h"
#include "coordinator/store/job_request.h"
#include "coordinator/store/store_upkeep.h"
#include "coordinator/store/wakeups.h"

namespace halfpipe {

// Thread-safe. Only the two Wait calls block for long; neither holds the lock
// while it waits, and both end with Unavailable at Close. Every other call
// that changes a job returns when the change is on the disk, and waits for that
// without the lock too (coordinator_commit.cc); only a checkpoint's commit and
// a new epoch are waited for inside of it.
class Coordinator {
 public:
  struct Options {
    ServerInfo info;  // without its stages
    StageRegistryOptions stages;
    Clock clock;           // for intervals, leases and limits: SteadyNow
    Clock wall = nullptr;  // for what is shown and kept; null: clock
    // Looked at when a job comes, and again when it starts: a link may have
    // come since.
    PathRootsConfig roots = {};
    int64_t max_queued_jobs = ServiceLimits().queued_jobs;
    int64_t max_queued_bytes = ServiceLimits().queued_bytes;
    RetentionConfig retention = {};
  };

  // `ledger` and `metrics` outlive it. Codes: JobStore's.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Coordinator>> Create(
      Options options, std::unique_ptr<JobStore> store,
      CheckpointLedger* ledger, CoordinatorMetrics* metrics);

  // TrainingService, whose proto has the codes.
  [[nodiscard]] absl::StatusOr<Job> CreateJob(const JobSpec& spec);
  [[nodiscard]] absl::StatusOr<Job> GetJob(const std::string& id);
  [[nodiscard]] absl::StatusOr<JobPage> ListJobs(const JobQuery& query);
  [[nodiscard]] absl::StatusOr<Job> CancelJob(const std::string& id, bool now);
  [[nodiscard]] absl::StatusOr<Job> ResumeJob(
      const std::string& id, const ResumeOptions& options = {});
  [[nodiscard]] absl::StatusOr<Job> PauseJob(const std::string& id);
  [[nodiscard]] absl::StatusOr<Job> SaveJob(const std::string& id);
  [[nodiscard]] absl::StatusOr<Job> DeleteJob(const std::string& id);
  [[nodiscard]] absl::StatusOr<std::vector<StepTrace>> GetTrace(
      const std::string& id, int32_t steps);
  [[nodiscard]] ServerInfo Info();

  struct EventBatch {
    std::vector<JobEvent> events;
    bool complete = false;  // the job has ended and these are the last ones
  };

  // Events after the cursor; waits for one until `deadline` when there is none
  // and the job goes on. Ends early when `cancelled` returns true.
  [[nodiscard]] absl::StatusOr<EventBatch> WaitForEvents(
      const std::string& id, int64_t after_cursor, absl::Time deadline,
      const std::function<bool()>& cancelled);

  // StageService, whose proto has the codes.
  [[nodiscard]] absl::Status Register(const StageInfo& info);
  [[nodiscard]] absl::StatusOr<std::optional<StageCommand>> WaitForCommand(
      const StagePlace& place, uint64_t incarnation, int64_t last_sequence,
      absl::Time deadline, const std::function<bool()>& cancelled);
  [[nodiscard]] absl::Status Report(const StagePlace& place,
                                    uint64_t incarnation,
                                    const CommandResult& result);
  [[nodiscard]] absl::StatusOr<HeartbeatReply> Heartbeat(
      const StagePlace& place, uint64_t incarnation,
      const StageHeartbeat& heartbeat);

  // Folders that are written to now, with what is in them: "state", and
  // "output" and "cache" of the jobs that are on a pair.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> Folders();

  // Looks at leases, time-outs and what waits to be written. Every 100 ms.
  void Tick();

  // Whether the store answers a query, and one line on what is going on. Called
  // between two Ticks, it proves that both the loop and the store are alive.
  // DataLoss: the store is damaged, and the message says how to go back to a
  // copy of it; this process must end.
  [[nodiscard]] absl::StatusOr<std::string> Pulse();

  // Has every job save its last optimizer step and queue again; none starts.
  void BeginShutdown();
  // No job is on any pair.
  [[nodiscard]] bool Idle();
  // Ends every wait, now and later.
  void Close();

 private:
  // Pairs that have at least one stage, by name.
  using Pairs = std::vector<std::pair<std::string, std::vector<StageInfo>>>;

  Coordinator(Options options, std::unique_ptr<JobBook> book,
              CheckpointLedger* ledger, CoordinatorMetrics* metrics);

  // coordinator_commit.cc: what waits for the disk, and for what has come to it
  //
  // Waits, when it goes, until the changes of the jobs are on the disk. Declare
  // it before the lock, so that the lock is released first.
  class Durably {
   public:
    explicit Durably(Coordinator* coordinator) : coordinator_(coordinator) {}

    Durably(const Durably&) = delete;
    Durably& operator=(const Durably&) = delete;

    ~Durably() { coordinator_->Commit(); }

   private:
    Coordinator* const coordinator_;
  };

  void Commit() ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells of what has come to the disk, and hands on what has to go there: the
  // next Commit, of whatever thread, waits for it.
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OK when the job's events up to `cursor` are on the disk.
  [[nodiscard]] absl::Status AwaitWritten(const std::string& id, int64_t cursor)
      ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::StatusOr<EventBatch> ReadEvents(const std::string& id,
                                                      int64_t after_cursor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Checks and reads what was submitted, one submission at a time. Side by side
  // on few cores, the hundreds that come after an outage would all be ready
  // when the last one is.
  [[nodiscard]] absl::StatusOr<Submission> ReadInTurn(const JobSpec& spec,
                                                      absl::Time wall)
      ABSL_LOCKS_EXCLUDED(mutex_, reading_);
  // ResourceExhausted: as many jobs wait as may, or with one of `bytes` they
  // would hold more than they may. The number bends by a few: those on their
  // way to the disk are not counted.
  [[nodiscard]] absl::Status CheckRoomInQueue(int64_t bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Queues the job, with the reason why it waits. Returns the write of it.
  [[nodiscard]] JobBook::Ticket BeginCreate(const JobSpec& spec, const Job& job,
                                            absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What a call gets while or after the service ends.
  [[nodiscard]] static absl::Status ClosedError();

  [[nodiscard]] absl::StatusOr<Job> CancelNow(const std::string& id, bool now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::StatusOr<Job> ResumeNow(const std::string& id,
                                              const ResumeOptions& options)
      ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::StatusOr<Job> PauseNow(const std::string& id)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void TickLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has the checkpoints of running jobs read again from time to time.
  void Scrub(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // coordinator_store.cc: what the store needs from time to time

  // Has the store checked and copied at the start and every day, says what was
  // found, and removes jobs that are older, or more, than are kept.
  void KeepStore(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnStoreReport(const StoreUpkeep::Report& report, absl::Time wall)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Prune(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A wall clock that is set makes no job old: ages count again an hour later.
  void NoteClock(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends finished runs, and gives queued jobs to idle pairs if something
  // happened that a queued job may have waited for.
  void Settle(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveFinishedRuns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_queue.cc: which job goes where

  // Looks at the whole queue, in order; where many of its jobs have not been
  // read yet, some of them now and the others from the next tick on.
  void AssignQueue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Some pair has no job.
  [[nodiscard]] bool HasIdlePair() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] Pairs PairsNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Starts the job if one of the pairs is there for it. Else its reason says
  // what it waits for, if it is near enough to its turn (`position`).
  void AssignJob(const std::string& id, int64_t position, const Pairs& pairs,
                 absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitBehind(const std::string& id, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a job that is to be tried again has waited for long enough. The
  // hour that its record has is the wall clock's; how long that is from now is
  // asked once, and then waited for, whatever the wall clock does.
  [[nodiscard]] bool IsDue(const std::string& id, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Why the pair is not for this job; empty: it is, now or when it is whole.
  [[nodiscard]] std::string WhyNotFor(
      const std::string& id, const JobNeeds& needs, const std::string& pair,
      const std::vector<StageInfo>& stages) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the stages of a pair hold another job that is queued.
  [[nodiscard]] bool IsKeptForAnother(const std::vector<StageInfo>& stages,
                                      const std::string& id,
                                      absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] std::vector<StageInfo> StagesOf(const std::string& pair) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartRun(const std::string& id, const std::string& pair, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailQueued(const std::string& id, const absl::Status& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepWaiting(const std::string& id, const JobNeeds& needs,
                   const std::string& missing, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A job whose model does not fit the pair's memory: true if another one may
  // have the room. The pair is not tried again for this job.
  [[nodiscard]] bool MayGoElsewhere(const std::string& id,
                                    const std::string& pair)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  [[nodiscard]] JobRunner* RunnerOn(const std::string& pair)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] PairRun* RunOf(const std::string& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const absl::Time began_;
  CheckpointLedger* const ledger_;
  CoordinatorMetrics* const metrics_;

  // Queued jobs that are told why they wait; those behind them wait for these.
  static constexpr int64_t kReasonsAtOnce = 100;

  absl::Mutex reading_;  // guards nothing: a turn, before mutex_
  absl::Mutex mutex_;
  absl::CondVar changed_;  // commands of the stages, or closed_
  // Events on the disk, by job.
  Wakeups news_ ABSL_GUARDED_BY(mutex_);
  // Where Wait is called without the lock.
  JobStore& store_;
  const std::unique_ptr<JobBook> book_ ABSL_GUARDED_BY(mutex_);
  StageRegistry registry_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<PairRun>> runs_
      ABSL_GUARDED_BY(mutex_);  // by pair
  TraceBook traces_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Epoch> pair_epochs_ ABSL_GUARDED_BY(mutex_);
  // Since when a queued job could run if its stages were there.
  std::map<std::string, absl::Time> waiting_since_ ABSL_GUARDED_BY(mutex_);
  // Of queued jobs that are to be tried again: the hour in the record, and the
  // time of `clock` that it was when it was first seen.
  std::map<std::string, std::pair<absl::Time, absl::Time>> retries_
      ABSL_GUARDED_BY(mutex_);
  // Pairs whose memory a queued job was found not to fit, by job.
  std::map<std::string, std::set<std::string>> too_small_
      ABSL_GUARDED_BY(mutex_);
  bool queue_is_due_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Time last_look_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // What was handed on and has nobody who waits for it, and so writes it.
  JobBook::Ticket submitted_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> last_tick_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> last_scrub_ ABSL_GUARDED_BY(mutex_);
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Time> last_upkeep_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_prune_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::optional<absl::Duration> wall_ahead_ ABSL_GUARDED_BY(mutex_);
  absl::Time clock_set_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool may_shrink_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Status damage_ ABSL_GUARDED_BY(mutex_);  // of the store
  // Both have locks of their own.
  CheckpointScrub scrub_;
  StoreUpkeep upkeep_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_COORDINATOR_H_
