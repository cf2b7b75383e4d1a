// The schedules that a plan may choose from.
#ifndef HP_COMMON_PLAN_PLAN_SCHEDULES_H_
#define HP_COMMON_PLAN_PLAN_SCHEDULES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/schedule.h"
#include "common/plan/planner.h"

namespace halfpipe {

// Every depth of `1f1b` with two stages, unless the warm-up is given; every
// limit of live chunks of `interleaved`; else the one that was asked for. The
// shallowest first. InvalidArgument: BuildSchedule's.
[[nodiscard]] absl::StatusOr<std::vector<pipeline::Schedule>> SchedulesOf(
    const PlanRequest& request);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_PLAN_SCHEDULES_H_
