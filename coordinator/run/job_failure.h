// What a stage's failure means to the person who runs the job.
#ifndef HP_COORDINATOR_RUN_JOB_FAILURE_H_
#define HP_COORDINATOR_RUN_JOB_FAILURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/jobs/failure_notes.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/job_memory.h"

namespace halfpipe {

// `status` of a command that loads or trains, with what was planned for this
// stage and what to set: where memory ran out, or the device or NCCL failed.
// Everything else, and a stage on the CPU without a plan, is returned as it is.
// A null forecast: nothing was planned.
[[nodiscard]] absl::Status ExplainFailure(const absl::Status& status,
                                          const StageInfo& stage,
                                          const StageForecast* forecast);

// A stage was given up because it did not get on.
void MarkStuck(absl::Status* status);

// Why a pair has to form again, as one of a few words for metrics:
// "stage_lost", "stuck", "link", "timeout", "device_fault", "pin_refused",
// "nonfinite", "stopping" (a stage that was told to end), "other".
[[nodiscard]] absl::string_view RestartReason(const absl::Status& cause);

// Limits of pinned memory, one a rank, after a stage was refused some: its own
// becomes what it got, at most that of `limits` (empty: none yet) and always
// less than was planned; the others may have what they were planned to have.
// From the fourth refusal on nothing is pinned on that rank.
// REQUIRES: forecasts of every rank.
[[nodiscard]] std::vector<int64_t> LimitsAfterRefusal(
    const std::vector<StageForecast>& forecasts,
    const std::vector<int64_t>& limits, int32_t rank, const PinRefusal& refusal,
    int refusals_before);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_FAILURE_H_
