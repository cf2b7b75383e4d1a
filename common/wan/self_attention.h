// The first sublayer of a block:
//   x + gate * o(Attention(rope(q), rope(k), v)), q, k, v of LN(x)(1+s)+shift.
#ifndef HP_COMMON_WAN_SELF_ATTENTION_H_
#define HP_COMMON_WAN_SELF_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/kernels/attention.h"
#include "common/kernels/norm.h"
#include "common/wan/attention_projection.h"
#include "common/wan/conditioning.h"
#include "common/wan/layer_loader.h"
#include "common/wan/saved_fields.h"

namespace halfpipe {

struct SelfAttentionSaved {
  at::Tensor x;  // the sublayer's input (B, L, D)
  LayerNormStats stats;
  at::Tensor normed;  // the input of q, k and v (B, L, D)
  NormedProjectionSaved q, k;
  at::Tensor v_adapted;  // A(normed) of v's LoRA
  at::Tensor v;          // (B, L, H, D / H)
  AttentionSaved attention;
  at::Tensor o_adapted;  // A(attention) of o's LoRA

  void AppendFields(SavedFields* fields);
};

class SelfAttention {
 public:
  // `prefix` is "blocks.I.self_attn.".
  [[nodiscard]] static absl::StatusOr<SelfAttention> Load(
      const LayerLoader& loader, const std::string& prefix,
      AttentionBackend backend);

  at::Tensor Forward(const at::Tensor& x, const Modulation& modulation,
                     const Conditioning& conditioning,
                     SelfAttentionSaved* saved) const;
  // dx, or an undefined tensor when `need_dx` is false.
  at::Tensor Backward(const at::Tensor& d, const Modulation& modulation,
                      const Conditioning& conditioning,
                      const SelfAttentionSaved& saved, bool need_dx);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  NormedProjection q_, k_;
  LoraLinear v_, o_;
  int64_t heads_ = 1;
  AttentionBackend backend_ = AttentionBackend::kMath;
};

}  // namespace halfpipe

#endif  // HP_COMMON_WAN_SELF_ATTENTION_H_
