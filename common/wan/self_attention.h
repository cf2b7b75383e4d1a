// The first sublayer of a block:
//   x + gate * o(Attention(rope(norm(q)), rope(norm(k)), v)),
//   q, k, v of LN(x)(1 + scale) + shift.
#ifndef HP_COMMON_WAN_SELF_ATTENTION_H_
#define HP_COMMON_WAN_SELF_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/kernels/attention.h"
#include "common/kernels/norm.h"
#include "common/wan/conditioning.h"
#include "common/wan/layer_loader.h"
#include "common/wan/saved_fields.h"

namespace halfpipe {

struct SelfAttentionSaved {
  at::Tensor x;              // the sublayer's input (B, L, D)
  at::Tensor qkv;            // q, k, v before the norms (B, L, 3 D)
  AttentionSaved attention;  // out (B, L, H, D / H)

  void AppendFields(SavedFields* fields);
};

class SelfAttention {
 public:
  // `prefix` is "blocks.I.self_attn.".
  [[nodiscard]] static absl::StatusOr<SelfAttention> Load(
      const LayerLoader& loader, const std::string& prefix,
      AttentionBackend backend);

  void set_backend(AttentionBackend backend) { backend_ = backend; }

  // Computes what is undefined in `saved` but its x.
  void Restore(const Modulation& modulation, const Conditioning& conditioning,
               SelfAttentionSaved* saved) const;
  // The sublayer's result (B, L, D) of a complete `saved`.
  [[nodiscard]] at::Tensor Output(const Modulation& modulation,
                                  const SelfAttentionSaved& saved) const;
  // dx, or an undefined tensor when `need_dx` is false. `saved` is complete
  // and emptied on the way.
  at::Tensor Backward(const at::Tensor& d, const Modulation& modulation,
                      const Conditioning& conditioning,
                      SelfAttentionSaved saved, bool need_dx);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  // The modulated norm of x in an input buffer of qkv_.
  at::Tensor Normed(const at::Tensor& x, const Modulation& modulation,
                    LayerNormStats* stats) const;
  // dL/d(q, k, v before the norms) in a gradient buffer of qkv_.
  [[nodiscard]] at::Tensor ProjectionGradient(const at::Tensor& dout,
                                              const Conditioning& conditioning,
                                              SelfAttentionSaved saved) const;

  LoraLinear qkv_, o_;
  at::Tensor norm_q_, norm_k_;  // (D) float32
  int64_t heads_ = 1;
  AttentionBackend backend_ = AttentionBackend::kMath;
};

}  // namespace halfpipe

#endif  // HP_COMMON_WAN_SELF_ATTENTION_H_
