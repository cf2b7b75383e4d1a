// What a job's validation is: which samples are held out, what an evaluation of
// them computes, and what its result means. Pure functions of config and scan.
#ifndef HP_COORDINATOR_RUN_VALIDATION_H_
#define HP_COORDINATOR_RUN_VALIDATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "common/jobs/step_plan.h"
#include "common/pipeline/schedule.h"
#include "common/store/checkpoint_manifest.h"

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

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_VALIDATION_H_
