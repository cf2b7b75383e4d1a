// Chooses how deep 1F1B runs ahead.
#ifndef HP_COORDINATOR_RUN_WARMUP_H_
#define HP_COORDINATOR_RUN_WARMUP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/pipeline/cost_model.h"
#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {

// Simulates every depth that keeps at most `max_live` micro-batches live on
// rank 0 (0: no bound but eight, behind which nothing is gained), and returns
// the shallowest one within 0.5 % of the fastest: a live micro-batch costs
// memory. `costs` are those of the table of so many stages, of which more than
// two begin as much deeper as WarmupDepth says.
// InvalidArgument when microbatches < 1, or from the simulator.
[[nodiscard]] absl::StatusOr<Warmup> ChooseWarmup(int32_t microbatches,
                                                  const CostModel& costs,
                                                  int32_t max_live,
                                                  int stages = 2);

}  // namespace halfpipe::pipeline

#endif  // HP_COORDINATOR_RUN_WARMUP_H_
