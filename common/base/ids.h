// Strong integer types, so that a step is never passed where an epoch belongs.
#ifndef HP_COMMON_BASE_IDS_H_
#define HP_COMMON_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <utility>

namespace halfpipe {

// An integer of its own type. Ordered, hashable, no implicit conversion.
template <typename Tag, typename Int = int32_t>
class StrongInt {
 public:
  constexpr StrongInt() = default;

  constexpr explicit StrongInt(Int value) : value_(value) {}

  [[nodiscard]] constexpr Int value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;

  template <typename H>
  friend H AbslHashValue(H state, StrongInt id) {
    return H::combine(std::move(state), id.value_);
  }

 private:
  Int value_ = 0;
};

// Which process of a pair: 0 (embeddings, first blocks, head), 1, and so on.
using Rank = StrongInt<struct RankTag>;
// A piece of the model that one action runs; a table maps segments to ranks.
using Segment = StrongInt<struct SegmentTag>;
// 0 .. M-1 within one optimizer step.
using Microbatch = StrongInt<struct MicrobatchTag>;
// Optimizer steps, from 0; "step N done" means N+1 steps are in the weights.
using Step = StrongInt<struct StepTag, int64_t>;
// Counts the (re)starts of a pair; messages of an older epoch are refused.
using Epoch = StrongInt<struct EpochTag, int64_t>;

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_IDS_H_
