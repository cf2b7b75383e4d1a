// What happens to a block's saved tensors between its forward and backward:
// the plan that the memory planner makes and the activation store carries out.
// Plain values, no libtorch: the client predicts with the same types.
#ifndef HP_COMMON_PLAN_ACTIVATION_PLAN_H_
#define HP_COMMON_PLAN_ACTIVATION_PLAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/job_config.h"

namespace halfpipe {

// The tensors that a block saves, by what it takes to make them again. All
// sizes with L tokens, D channels, F feed-forward channels, in the compute
// dtype; each group also holds the small tensors that come with it (a LoRA's
// A(x), a norm's statistics). What is missing here (normed inputs, queries and
// keys after norm and rotation, gelu's result) is never saved: an elementwise
// kernel makes it again in the backward pass.
enum class SavedGroup : uint8_t {
  kInput,       // the block's input, L D; never recomputed
  kQkv,         // q, k, v before their norms, 3 L D; three products
  kSelfOut,     // self attention's result, L D, and its logsumexp
  kCrossInput,  // after the first residual, L D; o's product
  kCrossQ,      // cross attention's q before its norm, L D; one product
  kCrossOut,    // cross attention's result, L D; a small attention
  kFfnInput,    // after the second residual, L D; cross o's product
  kFfnInner,    // ffn.0's result, L F; ffn.0's product
};

inline constexpr size_t kSavedGroups = 8;

enum class Fate : uint8_t {
  kKeep,       // stays on the device; 'k' in a plan's text
  kOffload,    // goes to host memory, pinned for a CUDA device; 'o'
  kRecompute,  // is freed and computed again before the backward pass; 'r'
};

// One block's plan, for every micro-batch alike.
struct BlockPlan {
  std::array<Fate, kSavedGroups> fates = {};  // indexed by SavedGroup

  [[nodiscard]] Fate of(SavedGroup group) const {
    return fates[static_cast<size_t>(group)];
  }

  [[nodiscard]] Fate& of(SavedGroup group) {
    return fates[static_cast<size_t>(group)];
  }

  friend bool operator==(const BlockPlan&, const BlockPlan&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const BlockPlan& plan) {
    return H::combine(std::move(state), plan.fates);
  }
};

// "keep", "offload", "recompute".
[[nodiscard]] absl::string_view ActivationPolicyName(ActivationPolicy policy);
[[nodiscard]] std::optional<ActivationPolicy> ParseActivationPolicy(
    absl::string_view name);

// The plans of a range of blocks, in block order.
class ActivationPlan {
 public:
  ActivationPlan() = default;
  // InvalidArgument: a block whose input is to be recomputed.
  [[nodiscard]] static absl::StatusOr<ActivationPlan> Create(
      std::vector<BlockPlan> blocks);
  // The plan of a policy that a job may name.
  [[nodiscard]] static ActivationPlan Uniform(ActivationPolicy policy,
                                              int64_t blocks);

  // "12*kkkkkkkk 8*orokrrrr": runs of equal blocks, a letter for each group in
  // the enum's order. Parse is the inverse; InvalidArgument says which word.
  [[nodiscard]] std::string ToText() const;
  [[nodiscard]] static absl::StatusOr<ActivationPlan> Parse(
      absl::string_view text);

  [[nodiscard]] int64_t size() const {
    return static_cast<int64_t>(blocks_.size());
  }

  // REQUIRES: 0 <= index < size(); counted from the range's first block.
  [[nodiscard]] const BlockPlan& operator[](int64_t index) const {
    return blocks_[static_cast<size_t>(index)];
  }

  friend bool operator==(const ActivationPlan&,
                         const ActivationPlan&) = default;

 private:
  std::vector<BlockPlan> blocks_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_ACTIVATION_PLAN_H_
