// Where a step's time went, out of what both of its stages measured.
#ifndef HP_COORDINATOR_SCHEDULE_STEP_TIMES_H_
#define HP_COORDINATOR_SCHEDULE_STEP_TIMES_H_

#include <vector>

#include "common/jobs/step_plan.h"
#include "coordinator/schedule/coordinator_metrics.h"

namespace halfpipe {

// `reports` of one step, by rank. The clocks of two stages are never compared,
// only durations: a transfer took as long as on the side that came to it last,
// which is the shorter of its two spans. So a wait for the peer splits into the
// time in which the bytes moved (recv), and the rest, in which there was
// nothing to move yet (bubble). Waits inside an action, as for offloaded
// tensors, cannot be told from compute and count as busy.
[[nodiscard]] std::vector<StageTimes> StageTimesOf(
    const std::vector<StepReport>& reports);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_STEP_TIMES_H_
