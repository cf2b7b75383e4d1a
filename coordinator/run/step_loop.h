// The optimizer steps of a run: issued some ahead, reported by each stage, and
// finished once all have.
#ifndef HP_COORDINATOR_RUN_STEP_LOOP_H_
#define HP_COORDINATOR_RUN_STEP_LOOP_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/job_start.h"
#include "coordinator/run/next_move.h"
#include "coordinator/run/nonfinite_guard.h"
#include "coordinator/run/progress_meter.h"
#include "coordinator/run/run_checkpoints.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/save_loop.h"
#include "coordinator/run/training_data.h"
#include "coordinator/run/validation.h"

namespace halfpipe {

// Not thread-safe.
class StepLoop {
 public:
  // What it asks; all of it outlives the loop.
  struct Sources {
    const TrainingData* data = nullptr;
    const JobStart* start = nullptr;
    const RunCheckpoints* checkpoints = nullptr;
    const RunValidations* validations = nullptr;
    const SaveLoop* saves = nullptr;
    NonFiniteGuard* nonfinite = nullptr;
  };

  StepLoop(RunContext* run, const Sources& sources);

  // The stages hold the weights behind `from` steps. The loss's average is what
  // it was there: this run's own, the checkpoint's or the record's.
  void Begin(int64_t from);
  // What has been reported of unfinished steps is void.
  void OnNewEpoch();

  // The time until the next step is no step's.
  void Pause() { meter_.Pause(); }

  // Sends what may be on its way now: up to the next save or validation.
  void Issue(absl::Time now);
  // No step is under way.
  [[nodiscard]] bool IsIdle() const;
  // Whether that ends a step of all stages. FailedPrecondition
  // (NonFiniteError): it ends the job.
  [[nodiscard]] absl::StatusOr<bool> OnReport(Rank rank,
                                              const StepReport& report,
                                              absl::Time now);
  // Where the machine goes when no step is under way.
  [[nodiscard]] NextMove AfterSteps(bool stopping, absl::Time now) const;

  // Takes back the steps that were not delivered, but for those that another
  // stage has finished.
  void Retract();
  // Whether the stage may abandon its step: where another stage has finished
  // it, that would leave parts that do not belong together.
  [[nodiscard]] bool MayAbandon(Rank rank) const;

  [[nodiscard]] int64_t steps_done() const { return steps_done_; }

  // Of the loss of those steps.
  [[nodiscard]] const MeanState& loss_average() const {
    return meter_.loss_average();
  }

  // Whether there is anything behind the last checkpoint, or will be.
  [[nodiscard]] bool HasUnsaved() const;

 private:
  struct Row {
    int64_t steps_done = 0;                 // in this stage's weights
    std::map<int64_t, StepReport> reports;  // of steps that others are at
  };

  [[nodiscard]] bool MayIssue(absl::Time now) const;
  [[nodiscard]] StepCommand MakeStep(int64_t step) const;
  // What is known of the loss's average behind `from` steps, or as few before
  // them as can be.
  [[nodiscard]] MeanState KnownAverage(int64_t from) const;
  [[nodiscard]] absl::Status Finish(int64_t step, absl::Time now);
  [[nodiscard]] int64_t Furthest() const;

  RunContext* const run_;
  const Sources from_;
  ProgressMeter meter_;
  std::vector<Row> rows_;   // by rank
  int64_t steps_done_ = 0;  // of all stages
  int64_t next_step_ = 0;   // to be issued
  bool has_begun_ = false;
  std::vector<int64_t> peak_bytes_;  // of the devices, by rank, so far
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_STEP_LOOP_H_
