// What one transformer block costs, in bytes and in seconds: from its sizes and
// a device's rates.
//
// The arithmetic of seconds: matrix products and attention by their operations,
// all else by the bytes that fused kernels read and write. A block's backward
// always makes its normed inputs, its rotated q and k and gelu's result again;
// that is part of its base cost and not of a recomputed group's.
#ifndef HP_COMMON_PLAN_BLOCK_MODEL_H_
#define HP_COMMON_PLAN_BLOCK_MODEL_H_

#include <array>
#include <cstdint>

#include "common/base/dtype.h"
#include "common/model/model_spec.h"
#include "common/plan/activation_plan.h"
#include "common/plan/rates.h"

namespace halfpipe {

// Of a LoRA parameter: its master and two moments.
inline constexpr int64_t kOptimizerBytes = 12;
// Its moments among them.
inline constexpr int64_t kMomentBytes = 8;

// One block of a model and one micro-batch in it. Activations are bf16.
struct BlockWork {
  ModelSpec model;
  int64_t tokens = 0;
  int64_t context_tokens = kTextTokens;  // text and image tokens together
  int64_t lora_rank = 0;
  int64_t lora_parameters = 0;  // of one block
  WeightForm weights = WeightForm::kBf16;
  // The feed-forward layer goes through its tokens, and the attention's
  // backward through its heads, in this many parts.
  int64_t ffn_chunks = 1;

  friend bool operator==(const BlockWork&, const BlockWork&) = default;
};

struct GroupCost {
  int64_t bytes = 0;
  double seconds = 0.0;  // to compute it again, what it needs being there
};

struct BlockModel {
  BlockWork work;
  std::array<GroupCost, kSavedGroups> groups = {};  // kInput's seconds are 0
  int64_t weight_bytes = 0;                         // frozen, as held
  // LoRA masters and moments; then gradients and copies in bf16.
  int64_t optimizer_bytes = 0;
  int64_t gradient_bytes = 0;

  [[nodiscard]] int64_t trained_bytes() const {
    return optimizer_bytes + gradient_bytes;
  }

  double forward_seconds = 0.0;
  double backward_seconds = 0.0;  // with every group there

  [[nodiscard]] const GroupCost& of(SavedGroup group) const {
    return groups[static_cast<size_t>(group)];
  }

  // Bytes of a block's groups that have this fate.
  [[nodiscard]] int64_t BytesOf(const BlockPlan& plan, Fate fate) const;
  // What a backward spends on recomputing.
  [[nodiscard]] double RecomputeSeconds(const BlockPlan& plan) const;

  // The most that a block's forward or backward holds at a time beside what it
  // keeps and what other blocks hold: groups that pass through, temporaries,
  // the gradient on its way.
  [[nodiscard]] int64_t ForwardWorkingBytes(const BlockPlan& plan) const;
  [[nodiscard]] int64_t BackwardWorkingBytes(const BlockPlan& plan) const;
};

// REQUIRES: sizes of at least 1, CheckRates; for kFp8Compute a rate for fp8.
[[nodiscard]] BlockModel MakeBlockModel(const BlockWork& work,
                                        const DeviceRates& rates);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_BLOCK_MODEL_H_
