// The plans among which one stage chooses.
//
// What is stored at all goes by the seconds that a stored byte saves: first the
// blocks' inputs, then self attention's result, last cross attention's; within
// a group the blocks that store it are spread evenly, so that copies are hidden
// everywhere alike. Of what is stored, a part stays on the device: either all
// of the last blocks, whose backward comes first, or the last block and an even
// share of the others; the rest is offloaded. Every member of this family is
// costed once; a budget only picks. So more memory never gives a slower plan.
#ifndef HP_COMMON_PLAN_STAGE_OPTIONS_H_
#define HP_COMMON_PLAN_STAGE_OPTIONS_H_

#include <cstdint>
#include <vector>

#include "common/plan/stage_cost.h"

namespace halfpipe {

struct StageOption {
  ActivationPlan plan;
  StageCost cost;
};

class StageOptions {
 public:
  using Moments = std::vector<pipeline::LiveMoment>;

  // REQUIRES: CostOfStage's, of blocks and moments.
  [[nodiscard]] static StageOptions Enumerate(const BlockModel& model,
                                              const CopyRates& rates,
                                              int64_t blocks,
                                              const Moments& moments);
  // Only those that store nothing but inputs and, in the order of worth, self
  // attentions' results: among them are the ones with the least memory (what
  // makes such a result again is there while it is used), which decide whether
  // anything fits.
  [[nodiscard]] static StageOptions EnumerateLeanest(const BlockModel& model,
                                                     const CopyRates& rates,
                                                     int64_t blocks,
                                                     const Moments& moments);
  // The one with the same fate for every group of every block.
  [[nodiscard]] static StageOptions Uniform(ActivationPolicy policy,
                                            const BlockModel& model,
                                            const CopyRates& rates,
                                            int64_t blocks,
                                            const Moments& moments);

  // The fastest option within both budgets, of equally fast ones that with the
  // fewest host bytes; null: none fits. Valid as long as this object.
  [[nodiscard]] const StageOption* Fastest(int64_t device_bytes,
                                           int64_t host_bytes) const;

  // The least host memory with which an option fits into the device; -1: none
  // does, whatever the host has.
  [[nodiscard]] int64_t LeastHostBytes(int64_t device_bytes) const;
  // The one with the least device memory. Valid as long as this object.
  [[nodiscard]] const StageOption& Leanest() const;

 private:
  explicit StageOptions(std::vector<StageOption> options);

  std::vector<StageOption> options_;  // by seconds, then host bytes
};

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_STAGE_OPTIONS_H_
