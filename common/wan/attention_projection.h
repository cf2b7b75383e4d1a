// The way to the queries and keys of an attention: linear (with LoRA), RMS norm
// over all heads together, rotation by position where there is one, and for
// keys the centring that attention.h explains. Wan models norm over the full
// width, not each head.
#ifndef HP_COMMON_WAN_ATTENTION_PROJECTION_H_
#define HP_COMMON_WAN_ATTENTION_PROJECTION_H_

#include <ATen/core/Tensor.h>

#include <string>

#include "absl/status/statusor.h"
#include "common/wan/layer_loader.h"
#include "common/wan/saved_fields.h"

namespace halfpipe {

// A tensor (B, L, D) as (B, L, H, D / H), and back.
at::Tensor SplitHeads(const at::Tensor& x, int64_t heads);
at::Tensor MergeHeads(const at::Tensor& x);

// What a query's or key's backward needs besides the layer's input.
struct NormedProjectionSaved {
  at::Tensor adapted;  // A(x) of the LoRA (B, L, rank)
  at::Tensor linear;   // before the norm (B, L, D)
  at::Tensor rstd;     // of the norm (B, L, 1) float32
  at::Tensor heads;    // the result (B, L, H, D / H)

  void AppendFields(const std::string& prefix, SavedFields* fields);
};

class NormedProjection {
 public:
  enum class Role : uint8_t { kQuery, kKey };

  // `linear` and `norm` are full native names ("blocks.0.self_attn.q",
  // "blocks.0.self_attn.norm_q").
  [[nodiscard]] static absl::StatusOr<NormedProjection> Load(
      const LayerLoader& loader, const std::string& linear,
      const std::string& norm, Role role);

  // x (B, L, D) to (B, L, H, D / H). An undefined `rope` rotates nothing.
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& rope,
                     NormedProjectionSaved* saved) const;
  // Accumulates the LoRA's gradients; dx (B, L, D) if `need_dx`.
  at::Tensor Backward(const at::Tensor& dheads, const at::Tensor& x,
                      const at::Tensor& rope,
                      const NormedProjectionSaved& saved, bool need_dx);

  [[nodiscard]] LoraAdapter* adapter() const { return linear_.adapter(); }

 private:
  LoraLinear linear_;
  at::Tensor norm_weight_;  // (D) float32
  int64_t heads_ = 1;
  Role role_ = Role::kQuery;
};

}  // namespace halfpipe

#endif  // HP_COMMON_WAN_ATTENTION_PROJECTION_H_
