// Runs lowered lists against a cost model, without running anything.
#ifndef HP_COMMON_PIPELINE_SIMULATE_H_
#define HP_COMMON_PIPELINE_SIMULATE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/cost_model.h"
#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {

struct Simulation {
  double makespan_seconds = 0.0;
  std::vector<double> busy_seconds;  // one a rank: compute, waits excluded
  double bubble_ratio = 0.0;         // 1 - mean of busy / makespan
  // One list a rank, in the order of the rank's action list.
  std::vector<std::vector<TimedAction>> timeline;
};

// The model is that of the GPUs: on each rank a compute lane runs forwards,
// backwards and STEP in list order, and a transfer lane runs sends, receives
// and NORM in list order; a transfer occupies the lanes of both its ranks, NORM
// those of all, and starts when its data is ready and those lanes are free.
// InvalidArgument "deadlock" names what each rank waits for when the lists do
// not run to their end, or when a cost is missing.
[[nodiscard]] absl::StatusOr<Simulation> Simulate(const SegmentTable& table,
                                                  const ActionLists& ranks,
                                                  const CostModel& costs);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_SIMULATE_H_
