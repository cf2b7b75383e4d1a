// The coordinator itself: jobs, stages and runs behind one lock. The gRPC
// services and main() are thin layers over it.
#ifndef HP_COORDINATOR_SCHEDULE_COORDINATOR_H_
#define HP_COORDINATOR_SCHEDULE_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
#include "coordinator/schedule/event_delivery.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/schedule/pair_assigner.h"
#include "coordinator/schedule/pair_fit.h"
#include "coordinator/schedule/pair_run.h"
#include "coordinator/schedule/pair_runs.h"
#include "coordinator/schedule/stage_desk.h"
#include "coordinator/schedule/stage_registry.h"
#include "coordinator/schedule/store_keeper.h"
#include "coordinator/schedule/submission_reader.h"

namespace halfpipe {

// Each matter has an object of its own, which the lock guards; what is here is
// the lock, the order of their turns, and the waits for the disk.
//
// Thread-safe. Only the two Wait calls block for long; neither holds the lock
// while it waits, and both end with Unavailable at Close. Every other call
// that changes a job returns when the change is on the disk, and waits for that
// without the lock too (docs/decisions/0042); only a checkpoint's commit and a
// new epoch are waited for inside of it.
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

  using EventBatch = halfpipe::EventBatch;

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
  Coordinator(Options options, std::unique_ptr<JobBook> book,
              CheckpointLedger* ledger, CoordinatorMetrics* metrics);

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
  // OK when the job's events up to `cursor` are on the disk.
  [[nodiscard]] absl::Status AwaitWritten(const std::string& id, int64_t cursor)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Queues the job, with the reason why it waits. Returns the write of it.
  [[nodiscard]] JobBook::Ticket BeginCreate(const JobSpec& spec, const Job& job,
                                            absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] absl::StatusOr<Job> CancelNow(const std::string& id, bool now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::StatusOr<Job> ResumeNow(const std::string& id,
                                              const ResumeOptions& options)
      ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::StatusOr<Job> PauseNow(const std::string& id)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends finished runs, gives queued jobs to idle pairs if something happened
  // that a queued job may have waited for, and wakes the stages.
  void Settle(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  SubmissionReader submissions_;  // its turn comes before mutex_
  absl::Mutex mutex_;
  absl::CondVar changed_;  // commands of the stages, or closed_
  // Where Wait is called without the lock.
  JobStore& store_;
  // Each object knows those above it alone.
  const std::unique_ptr<JobBook> book_ ABSL_GUARDED_BY(mutex_);
  StageRegistry registry_ ABSL_GUARDED_BY(mutex_);
  PairFit fit_ ABSL_GUARDED_BY(mutex_);
  PairRuns runs_ ABSL_GUARDED_BY(mutex_);
  PairAssigner queue_ ABSL_GUARDED_BY(mutex_);
  StageDesk stages_ ABSL_GUARDED_BY(mutex_);
  EventDelivery delivery_ ABSL_GUARDED_BY(mutex_);
  StoreKeeper keeper_ ABSL_GUARDED_BY(mutex_);
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_COORDINATOR_H_
