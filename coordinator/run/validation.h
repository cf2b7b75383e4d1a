// What a job's validation is: which samples are held out, what an evaluation of
// them computes, and what its result means (pure functions of config and scan);
// and the validations of a run.
#ifndef HP_COORDINATOR_RUN_VALIDATION_H_
#define HP_COORDINATOR_RUN_VALIDATION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "common/jobs/step_plan.h"
#include "common/pipeline/schedule.h"
#include "common/store/checkpoint_manifest.h"
#include "coordinator/run/run_context.h"

namespace halfpipe {

// A data set in two parts that have no latents in common.
struct HeldOutSplit {
  std::vector<SampleRef> training;  // in the order of the scan
  std::vector<SampleRef> held_out;  // config.samples of them, all different
  std::string data_digest;          // of both parts
};

// Holds out config.samples different samples, chosen by the seed and by what
// they are, so that the order of the rows and other samples hardly matter. All
// rows with the latents of one of them leave the training with it.
// REQUIRES: config.is_on(). InvalidArgument, with the key's name, when nothing
// would be left to train on.
[[nodiscard]] absl::StatusOr<HeldOutSplit> HoldOut(
    const ValidationConfig& config, const ScanResult& scan);

// The lists of every evaluation of a job whose steps have these options: each
// held-out sample at each band. REQUIRES: config.is_on().
[[nodiscard]] absl::StatusOr<pipeline::Schedule> EvaluationScheduleOf(
    const ValidationConfig& config, const pipeline::ScheduleOptions& training);

// An evaluation of the weights behind `steps_done` steps. Micro-batch
// s * bands + b is sample s in the middle of band b; its noise is keyed by
// what the sample is and by the band.
[[nodiscard]] StepPlan MakeEvaluationPlan(
    const ValidationConfig& config, const std::vector<SampleRef>& held_out,
    Epoch epoch, int64_t steps_done, const std::string& schedule_hash);

// Means of what the head's rank reported. `record` is left as it was.
// Internal: not a loss a micro-batch.
[[nodiscard]] absl::StatusOr<ValidationResult> Summarize(
    const ValidationConfig& config, int64_t steps_done,
    const StepReport& report);

// Whether a validation is due behind `steps_done` of `steps` steps.
[[nodiscard]] bool IsValidationDue(const ValidationConfig& config,
                                   const ValidationRecord& record,
                                   int64_t steps_done, int64_t steps);

// Whether the record has every validation that was due before step
// `steps_done`. Where it has not, going on from there would forget one.
[[nodiscard]] bool CoversValidations(const ValidationConfig& config,
                                     const ValidationRecord& record,
                                     int64_t steps_done);

// Adds a result, and says in it what the best one now is. True when it is
// itself: only a finite loss that is below every earlier one.
bool TakeValidation(ValidationResult* result, ValidationRecord* record);

// Whether the last `patience` validations brought nothing better.
[[nodiscard]] bool IsOutOfPatience(const ValidationConfig& config,
                                   const ValidationRecord& record);

// The validations of a run: between two steps, on samples that no step sees.
// Not thread-safe.
class RunValidations {
 public:
  // `run` outlives it.
  explicit RunValidations(RunContext* run) : run_(run) {}

  // Whose record counts from the chosen checkpoint on.
  [[nodiscard]] const ValidationRecord& record() const { return record_; }

  void set_record(const ValidationRecord& record) { record_ = record; }

  // The step at which stages that hold `continue_at` steps go on: that, or 0
  // where the record has not every validation before it. `known`: the record
  // from before the last checkpoint was read.
  [[nodiscard]] int64_t ChooseRecord(const ValidationRecord& known,
                                     int64_t continue_at);
  // The lists of evaluations, where there are any.
  [[nodiscard]] absl::Status AddTo(
      StartCommand* start, const std::vector<SampleRef>& held_out,
      const pipeline::ScheduleOptions& steps) const;

  // The step behind which the job ends, unless a later validation changes that.
  [[nodiscard]] int64_t LastStep() const;
  [[nodiscard]] std::string DoneText(int64_t saved_steps) const;
  [[nodiscard]] bool IsDue(int64_t steps_done) const;

  // Sends an evaluation to every stage. `lists`: of the StartCommand.
  [[nodiscard]] absl::Status Begin(const std::vector<std::string>& lists,
                                   const std::vector<SampleRef>& held_out,
                                   int64_t steps_done);
  void OnReport(const StepReport& report);
  // All have reported: whether the weights are the best ones. Codes:
  // Summarize's.
  [[nodiscard]] absl::StatusOr<bool> End(int64_t steps_done);

  [[nodiscard]] bool IsBest(const Checkpoint& checkpoint) const;
  // output.keep, and one more where the best one is not among the newest.
  [[nodiscard]] size_t CheckpointsToKeep(
      const std::vector<Checkpoint>& all) const;

 private:
  RunContext* const run_;
  ValidationRecord record_;
  std::optional<StepReport> evaluated_;  // of the head's rank
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_VALIDATION_H_
