// A validation's action lists: forwards alone.
#ifndef HP_COMMON_PIPELINE_EVALUATION_H_
#define HP_COMMON_PIPELINE_EVALUATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {

// Every forward, and the transfers of what they compute, in the one order that
// there is no reason to vary: a micro-batch is at segment s while the next one
// is at s - 1, so all ranks are busy and no more micro-batches are on their
// way than there are segments. No backward, no NORM, no STEP; nothing is live.
//
// `training` says which segments the steps of the same job have: its stages,
// schedule and chunks. Lowered and validated like a step's lists.
// InvalidArgument: `microbatches` below 1, or stages that cannot be.
[[nodiscard]] absl::StatusOr<Schedule> BuildEvaluation(
    const ScheduleOptions& training, int32_t microbatches);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_EVALUATION_H_
