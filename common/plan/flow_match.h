// Flow matching with Wan's shifted schedule: which
// timestep a micro-batch gets, its sigma, and the weight of its loss.
#ifndef HP_COMMON_PLAN_FLOW_MATCH_H_
#define HP_COMMON_PLAN_FLOW_MATCH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"

namespace halfpipe {

// One entry of the schedule's table.
struct FlowTimestep {
  float sigma = 0.0F;     // x_t = (1 - sigma) x_0 + sigma noise
  float timestep = 0.0F;  // 1000 sigma, what the model is told (fp32)
  float weight = 1.0F;    // of the loss
};

// A table of 1000 timesteps: u_i = 1 - i/1000,
// sigma_i = shift u / (1 + (shift - 1) u). Immutable, thread-safe.
class FlowMatchSchedule {
 public:
  // InvalidArgument when the boundaries select no index.
  [[nodiscard]] static absl::StatusOr<FlowMatchSchedule> Create(
      const TimestepConfig& options);

  // The table entry for a uniform number in [0, 1): uniform over the indices
  // int(min * 1000) <= i < int(max * 1000).
  [[nodiscard]] const FlowTimestep& At(float uniform) const;

  // The whole table, for tests and reports.
  [[nodiscard]] const std::vector<FlowTimestep>& table() const {
    return table_;
  }

 private:
  FlowMatchSchedule(std::vector<FlowTimestep> table, int begin, int end);

  std::vector<FlowTimestep> table_;
  int begin_;
  int end_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_FLOW_MATCH_H_
