// `halfpipe-stage0 rates`: every GPU of this machine, measured.
#ifndef HP_STAGE_JOB_MACHINE_RATES_TEXT_H_
#define HP_STAGE_JOB_MACHINE_RATES_TEXT_H_

#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// Measures each GPU that this process may use, one after the other, keeps what
// it finds for the stages (stage/job/known_rates.h) and returns a rates file
// with a device a GPU (common/plan/rates.h). FailedPrecondition: there is no
// GPU, or this build has no CUDA; else the codes of KnownRates.
[[nodiscard]] absl::StatusOr<std::string> MeasureMachine();

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_MACHINE_RATES_TEXT_H_
