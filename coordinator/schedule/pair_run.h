// One job on one pair: what its runner does to the book, the registry and the
// metrics.
#ifndef HP_COORDINATOR_SCHEDULE_PAIR_RUN_H_
#define HP_COORDINATOR_SCHEDULE_PAIR_RUN_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/schedule/coordinator_metrics.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/schedule/pair_fit.h"
#include "coordinator/schedule/stage_registry.h"
#include "coordinator/schedule/timestep_losses.h"
#include "coordinator/schedule/trace_book.h"

namespace halfpipe {

using Clock = std::function<absl::Time()>;

// What every run shares; all of it outlives the runs.
struct RunServices {
  JobBook* book = nullptr;
  StageRegistry* registry = nullptr;
  PairFit* fit = nullptr;
  CheckpointLedger* ledger = nullptr;
  CoordinatorMetrics* metrics = nullptr;
  TraceBook* traces = nullptr;
  Clock clock;  // for intervals
  Clock wall;   // for what is shown
};

// Not thread-safe.
class PairRun final : public JobRunnerHost {
 public:
  PairRun(std::string pair, JobPlan plan, std::vector<Checkpoint> checkpoints,
          const RunServices& services);
  ~PairRun() override;

  [[nodiscard]] JobRunner& runner() { return runner_; }

  [[nodiscard]] const std::string& job() const { return job_; }

  // Where the job writes, normalised.
  [[nodiscard]] const std::string& output_dir() const { return output_dir_; }

  // Whether commands of this epoch were the job's: its epochs have numbers of
  // their own, which rise.
  [[nodiscard]] bool Owns(Epoch epoch) const {
    return epoch > Epoch() && (epoch >= first_epoch_ || epoch == last_epoch_);
  }

  // Where its cache lies; empty: it has none.
  [[nodiscard]] const std::string& cache_dir() const { return cache_dir_; }

  int64_t Send(Rank rank, CommandBody body) override;
  int64_t Retract(Rank rank) override;
  [[nodiscard]] absl::StatusOr<Epoch> NewEpoch() override;
  void ChangeState(JobTrigger trigger, const std::string& reason,
                   const absl::Status& error) override;
  void SetReason(const std::string& reason) override;
  void Emit(const JobEventBody& event) override;
  void OnReports(const std::vector<StepReport>& reports) override;
  void OnNonFiniteStep() override;
  void OnRestart(absl::string_view reason) override;
  [[nodiscard]] absl::Status CommitCheckpoint(
      const Checkpoint& checkpoint) override;
  void ForgetCheckpoint(const Checkpoint& checkpoint) override;
  void AdoptCheckpoint(const Checkpoint& checkpoint) override;
  void SetForecasts(const std::vector<StageForecast>& forecasts) override;
  void SetExports(const std::vector<std::string>& paths) override;

 private:
  const std::string pair_;
  const std::string job_;
  const std::string output_dir_;
  const std::string cache_dir_;
  const RunServices services_;
  const Epoch last_epoch_;  // of an earlier run of the job; 0: of none
  Epoch first_epoch_;       // of this run
  Epoch epoch_;
  absl::Time save_begun_;
  TimestepLosses losses_;
  JobRunner runner_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_PAIR_RUN_H_
