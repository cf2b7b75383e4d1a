// The second sublayer of a block: x + o(Attention(q, k, v)) with q of an affine
// LN(x) and k, v of the text context. Image models add, before o, the same
// queries' attention over the image tokens' k_img and v_img. No mask: padding
// tokens are attended, as the models were trained.
#ifndef HP_STAGE_WAN_CROSS_ATTENTION_H_
#define HP_STAGE_WAN_CROSS_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "stage/kernels/attention.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/qk_norm.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/layer_loader.h"
#include "stage/wan/saved_fields.h"

namespace halfpipe {

// Attention over one kind of context. Its keys and values are few (kTextTokens)
// and made again wherever they are needed.
class ContextAttention {
 public:
  // `suffix` is "" for text and "_img" for image tokens.
  [[nodiscard]] static absl::StatusOr<ContextAttention> Load(
      const LayerLoader& loader, const std::string& prefix,
      const std::string& suffix, AttentionBackend backend);

  void set_backend(AttentionBackend backend) { backend_ = backend; }

  // q (B, L, H, D / H), context (B, Lc, D); fills `saved`.
  void Forward(const at::Tensor& q, const at::Tensor& context,
               AttentionSaved* saved) const;
  // dq. The context needs no gradient.
  at::Tensor Backward(const at::Tensor& dout, const at::Tensor& q,
                      const at::Tensor& context, const AttentionSaved& saved);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  struct KeysAndValues {
    at::Tensor input;   // the context in an input buffer of kv_
    at::Tensor linear;  // k and v before k's norm (B, Lc, 2 D)
    QkNormStats stats;  // of k's norm
    at::Tensor k, v;    // (B, Lc, H, D / H)
  };

  [[nodiscard]] KeysAndValues Project(const at::Tensor& context) const;

  LoraLinear kv_;
  at::Tensor norm_k_;  // (D) float32
  int64_t heads_ = 1;
  AttentionBackend backend_ = AttentionBackend::kMath;
};

struct CrossAttentionSaved {
  at::Tensor x;          // the sublayer's input (B, L, D)
  at::Tensor q;          // before its norm (B, L, D)
  AttentionSaved text;   // out (B, L, H, D / H)
  AttentionSaved image;  // undefined tensors without an image branch

  void AppendFields(SavedFields* fields);
};

class CrossAttention {
 public:
  // `block` is "blocks.I.".
  [[nodiscard]] static absl::StatusOr<CrossAttention> Load(
      const LayerLoader& loader, const std::string& block,
      AttentionBackend backend);

  void set_backend(AttentionBackend backend) {
    text_.set_backend(backend);
    if (image_.has_value()) image_->set_backend(backend);
  }

  // See SelfAttention for the three.
  void Restore(const Conditioning& conditioning,
               CrossAttentionSaved* saved) const;
  [[nodiscard]] at::Tensor Output(const CrossAttentionSaved& saved) const;
  at::Tensor Backward(const at::Tensor& d, const Conditioning& conditioning,
                      CrossAttentionSaved saved);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  void RestoreQuery(CrossAttentionSaved* saved) const;
  // The affine norm of x in an input buffer of q_.
  at::Tensor Normed(const at::Tensor& x, LayerNormStats* stats) const;
  // The input of o: the attention over text, plus that over the image.
  [[nodiscard]] at::Tensor Mixed(const CrossAttentionSaved& saved) const;
  // dL/d(q before its norm) in a gradient buffer of q_.
  at::Tensor QueryGradient(const at::Tensor& dmixed,
                           const Conditioning& conditioning,
                           const CrossAttentionSaved& saved);

  NormWeights norm_;  // norm3
  LoraLinear q_, o_;
  at::Tensor norm_q_;  // (D) float32
  ContextAttention text_;
  std::optional<ContextAttention> image_;
  int64_t heads_ = 1;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_CROSS_ATTENTION_H_
