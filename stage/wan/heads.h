// A tensor's channels as attention heads, and back. Views, never copies.
#ifndef HP_STAGE_WAN_HEADS_H_
#define HP_STAGE_WAN_HEADS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "common/model/model_spec.h"
#include "common/plan/activation_plan.h"
#include "stage/kernels/attention.h"
#include "stage/kernels/qk_norm.h"
#include "stage/wan/saved_fields.h"

namespace halfpipe {

// (B, L, D) as (B, L, H, D / H); rows may have any stride.
inline at::Tensor SplitHeads(const at::Tensor& x, int64_t heads) {
  return x.unflatten(-1, {heads, x.size(-1) / heads});
}

// (B, L, H, D / H) contiguous as (B, L, D).
inline at::Tensor MergeHeads(const at::Tensor& x) {
  return x.view({x.size(0), x.size(1), x.size(2) * x.size(3)});
}

// How queries and keys are normed: keys are centred too (attention.h).
inline QkNormOptions QueryNorm(int64_t heads) {
  return {.heads = heads, .eps = kWanEps, .centre = false};
}

inline QkNormOptions KeyNorm(int64_t heads) {
  return {.heads = heads, .eps = kWanEps, .centre = true};
}

// What an attention leaves, as fields of `group`.
inline void AppendFields(SavedGroup group, AttentionSaved* saved,
                         SavedFields* fields) {
  fields->push_back({group, &saved->out});
  fields->push_back({group, &saved->logsumexp});
  fields->push_back({group, &saved->philox_seed, /*bulky=*/false});
  fields->push_back({group, &saved->philox_offset, /*bulky=*/false});
}

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_HEADS_H_
