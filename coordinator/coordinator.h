// The coordinator itself: jobs, stages and runs behind one lock. The gRPC
// services and main() are thin layers over it.
#ifndef HP_COORDINATOR_COORDINATOR_H_
#define HP_COORDINATOR_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/config/service_config.h"
#include "common/metrics/coordinator_metrics.h"
#include "common/rpc/job_types.h"
#include "common/runtime/stage_protocol.h"
#include "coordinator/checkpoint_ledger.h"
#include "coordinator/job_book.h"
#include "coordinator/pair_run.h"
#include "coordinator/stage_registry.h"

namespace halfpipe {

// Thread-safe. Only the two Wait calls block for long; neither holds the lock
// while it waits, and both end with Unavailable at Close.
class Coordinator {
 public:
  struct Options {
    ServerInfo info;  // without its stages
    StageRegistryOptions stages;
    Clock clock;
    // Looked at again when a job starts: a link may have come since it was
    // created.
    PathRootsConfig roots = {};
    int64_t max_queued_jobs = ServiceLimits().queued_jobs;
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
  [[nodiscard]] absl::StatusOr<Job> ResumeJob(const std::string& id);
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

  // Looks at leases, time-outs and what waits to be written. Every 100 ms.
  void Tick();

  // Has every job save its last optimizer step and queue again; none starts.
  void BeginShutdown();
  // No job is on any pair.
  [[nodiscard]] bool Idle();
  // Ends every wait, now and later.
  void Close();

 private:
  Coordinator(Options options, std::unique_ptr<JobBook> book,
              CheckpointLedger* ledger, CoordinatorMetrics* metrics);

  void TickLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends finished runs and gives queued jobs to idle pairs.
  void Settle(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveFinishedRuns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AssignJob(const std::string& id, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] std::vector<StageInfo> StagesOf(const std::string& pair) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartRun(const std::string& pair, JobPlan plan,
                std::vector<Checkpoint> checkpoints, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepWaiting(const JobPlan& plan, bool pair_is_busy, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] JobRunner* RunnerOn(const std::string& pair)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] PairRun* RunOf(const std::string& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  CheckpointLedger* const ledger_;
  CoordinatorMetrics* const metrics_;

  absl::Mutex mutex_;
  absl::CondVar changed_;
  const std::unique_ptr<JobBook> book_ ABSL_GUARDED_BY(mutex_);
  StageRegistry registry_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<PairRun>> runs_
      ABSL_GUARDED_BY(mutex_);  // by pair
  std::map<std::string, Epoch> pair_epochs_ ABSL_GUARDED_BY(mutex_);
  // Since when a queued job could run if its stages were there.
  std::map<std::string, absl::Time> waiting_since_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> last_tick_ ABSL_GUARDED_BY(mutex_);
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_COORDINATOR_H_
