// The second sublayer of a block: x + o(Attention(q, k, v)) with q of an affine
// LN(x) and k, v of the text context. Image models add, before o, the same
// queries' attention over the image tokens' k_img and v_img. No mask: padding
// tokens are attended, as the models were trained.
#ifndef HP_COMMON_WAN_CROSS_ATTENTION_H_
#define HP_COMMON_WAN_CROSS_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <optional>
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

// Keys and values of one kind of context, and what their attention left.
struct ContextAttentionSaved {
  NormedProjectionSaved k;
  at::Tensor v_adapted;  // A(context) of v's LoRA
  at::Tensor v;          // (B, Lc, H, D / H)
  AttentionSaved attention;

  void AppendFields(const std::string& prefix, SavedFields* fields);
};

// k, v over one kind of context.
class ContextAttention {
 public:
  // `suffix` is "" for text and "_img" for image tokens.
  [[nodiscard]] static absl::StatusOr<ContextAttention> Load(
      const LayerLoader& loader, const std::string& prefix,
      const std::string& suffix, AttentionBackend backend);

  // q (B, L, H, D / H), context (B, Lc, D); result as q.
  at::Tensor Forward(const at::Tensor& q, const at::Tensor& context,
                     ContextAttentionSaved* saved) const;
  // dq. The context needs no gradient.
  at::Tensor Backward(const at::Tensor& dout, const at::Tensor& q,
                      const at::Tensor& context,
                      const ContextAttentionSaved& saved);

  [[nodiscard]] LoraAdapter* k_adapter() const { return k_.adapter(); }

  [[nodiscard]] LoraAdapter* v_adapter() const { return v_.adapter(); }

 private:
  NormedProjection k_;
  LoraLinear v_;
  int64_t heads_ = 1;
  AttentionBackend backend_ = AttentionBackend::kMath;
};

struct CrossAttentionSaved {
  at::Tensor x;  // the sublayer's input (B, L, D)
  LayerNormStats stats;
  at::Tensor normed;  // the input of q (B, L, D)
  NormedProjectionSaved q;
  ContextAttentionSaved text;
  ContextAttentionSaved image;  // undefined tensors without an image branch
  at::Tensor o_adapted;         // A(attention) of o's LoRA

  void AppendFields(SavedFields* fields);
};

class CrossAttention {
 public:
  // `block` is "blocks.I.".
  [[nodiscard]] static absl::StatusOr<CrossAttention> Load(
      const LayerLoader& loader, const std::string& block,
      AttentionBackend backend);

  at::Tensor Forward(const at::Tensor& x, const Conditioning& conditioning,
                     CrossAttentionSaved* saved) const;
  at::Tensor Backward(const at::Tensor& d, const Conditioning& conditioning,
                      const CrossAttentionSaved& saved);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  // The input of o: the attention over text, plus that over the image.
  [[nodiscard]] at::Tensor Mixed(const CrossAttentionSaved& saved) const;

  NormWeights norm_;  // norm3
  NormedProjection q_;
  ContextAttention text_;
  std::optional<ContextAttention> image_;
  LoraLinear o_;
  int64_t heads_ = 1;
};

}  // namespace halfpipe

#endif  // HP_COMMON_WAN_CROSS_ATTENTION_H_
