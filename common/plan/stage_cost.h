// What a plan costs one stage: bytes of device and host, seconds of a
// micro-batch's forward and backward.
#ifndef HP_COMMON_PLAN_STAGE_COST_H_
#define HP_COMMON_PLAN_STAGE_COST_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/pipeline/schedule.h"
#include "common/plan/activation_plan.h"
#include "common/plan/block_model.h"

namespace halfpipe {

// What the copies of one stage have of PCIe.
struct CopyRates {
  double to_host_bytes_per_second = 0.0;
  double to_device_bytes_per_second = 0.0;
};

// What is left of PCIe for offloads: all of it, or, where the link goes through
// the host, what it leaves. A micro-batch sends two activations' worth of bytes
// each way over the link.
[[nodiscard]] CopyRates CopyRatesOf(const DeviceRates& rates,
                                    const BlockModel& model, int64_t blocks);

struct StageCost {
  // On the device, at the moment at which their sum is largest: what is kept of
  // live micro-batches, what is on its way to or from the host, what the block
  // being computed holds.
  int64_t saved_bytes = 0;
  int64_t staging_bytes = 0;
  int64_t working_bytes = 0;
  int64_t host_bytes = 0;  // pinned
  // Of the blocks alone, for one micro-batch.
  double forward_seconds = 0.0;
  double backward_seconds = 0.0;
  double recompute_seconds = 0.0;  // within backward_seconds
  double stall_seconds = 0.0;      // within both: waits for copies

  [[nodiscard]] int64_t device_bytes() const {
    return saved_bytes + staging_bytes + working_bytes;
  }

  [[nodiscard]] double seconds() const {
    return forward_seconds + backward_seconds;
  }
};

// What its plan makes of one block.
struct BlockUse {
  int64_t kept_bytes = 0;
  int64_t offloaded_bytes = 0;
  int64_t forward_working_bytes = 0;
  int64_t backward_working_bytes = 0;
  double recompute_seconds = 0.0;
};

// Works out once what each plan of a block comes to: a search costs thousands
// of stages out of a few dozen. Not thread-safe.
class BlockUses {
 public:
  // `model` outlives it.
  explicit BlockUses(const BlockModel& model) : model_(model) {}

  [[nodiscard]] const BlockModel& model() const { return model_; }

  // Valid until the next call.
  [[nodiscard]] const BlockUse& Of(const BlockPlan& plan);

 private:
  const BlockModel& model_;
  absl::flat_hash_map<BlockPlan, BlockUse> known_;
};

// `live` micro-batches have their saved tensors at one time (RankUse). Copies
// run under the computation as the activation store runs them: a block's
// offloads start when its forward ends, at most kOffloadDepth blocks' wait for
// theirs; a backward brings back what the next kOffloadDepth blocks need.
// With several chunks of blocks on the stage, each moment says how many are
// live in which (RankUse::moments). The chunks are even parts of the plan's
// blocks; where those do not come out even, the first ones have one more.
// REQUIRES: a plan of at least one block; live >= 1; at least one moment, all
// of as many chunks.
[[nodiscard]] StageCost CostOfStage(const BlockModel& model,
                                    const CopyRates& rates,
                                    const ActivationPlan& plan, int32_t live);
[[nodiscard]] StageCost CostOfStage(
    const CopyRates& rates, const ActivationPlan& plan,
    const std::vector<pipeline::LiveMoment>& moments, BlockUses* blocks);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_STAGE_COST_H_
