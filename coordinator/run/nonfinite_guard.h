// What a run does about a step whose loss or gradient is not finite
// (train.on_nonfinite). The stages have changed nothing in it, on any rank.
#ifndef HP_COORDINATOR_RUN_NONFINITE_GUARD_H_
#define HP_COORDINATOR_RUN_NONFINITE_GUARD_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/jobs/job_types.h"
#include "coordinator/run/run_context.h"

namespace halfpipe {

// Also keeps the factor of the learning rate that rollbacks lower. Not
// thread-safe.
class NonFiniteGuard {
 public:
  // `run` outlives it.
  explicit NonFiniteGuard(RunContext* run) : run_(run) {}

  // Of a step that has ended: OK where it is finite, or skipped.
  // FailedPrecondition (NonFiniteError): it ends the job.
  [[nodiscard]] absl::Status OnStep(const StepProgress& progress, int64_t step);

  // Of a step that failed as not finite: the cause with which the stages go
  // back to the last regular checkpoint; nullopt: they do not.
  [[nodiscard]] std::optional<absl::Status> RollBack(
      const absl::Status& failure);
  // Whether the checkpoint that is chosen now is to be a regular one; once.
  [[nodiscard]] bool TakeRollback();
  // A checkpoint of `saved_steps` was chosen, which says `recorded`.
  void OnChosen(bool rolling_back, int64_t saved_steps, double recorded);

  void OnCommit() { rolled_back_to_.reset(); }

  // Of the learning rate.
  [[nodiscard]] double factor() const { return factor_; }

  // Of stages that go on with what they hold.
  void set_factor(double factor) { factor_ = factor; }

  // Whether a rollback may end at this checkpoint.
  [[nodiscard]] bool IsRegular(const Checkpoint& checkpoint) const;
  // Whether of `all`, oldest first, it is the one that the next would end at.
  [[nodiscard]] bool IsTarget(const Checkpoint& checkpoint,
                              const std::vector<Checkpoint>& all) const;

 private:
  const RunContext* const run_;
  int64_t skipped_in_a_row_ = 0;
  double factor_ = 1.0;
  // Where the last rollback went, until a checkpoint is committed behind it.
  std::optional<int64_t> rolled_back_to_;
  bool rolling_back_ = false;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_NONFINITE_GUARD_H_
