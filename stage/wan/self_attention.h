// The first sublayer of a block:
//   x + gate * o(Attention(rope(norm(q)), rope(norm(k)), v)),
//   q, k, v of LN(x)(1 + scale) + shift.
#ifndef HP_STAGE_WAN_SELF_ATTENTION_H_
#define HP_STAGE_WAN_SELF_ATTENTION_H_

#include <ATen/core/Tensor.h>

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

struct SelfAttentionSaved {
  at::Tensor x;    // the sublayer's input (B, L, D)
  at::Tensor qkv;  // q, k, v before the norms (B, L, 3 D)
  QkNormStats q_stats, k_stats;
  AttentionSaved attention;  // out (B, L, H, D / H)

  void AppendFields(SavedFields* fields);
};

class SelfAttention {
 public:
  // `prefix` is "blocks.I.self_attn."; the backward goes through the heads in
  // `parts` groups (1: all at once), to the same bits.
  [[nodiscard]] static absl::StatusOr<SelfAttention> Load(
      const LayerLoader& loader, const std::string& prefix,
      AttentionBackend backend, int64_t parts);

  void Configure(AttentionBackend backend, int64_t parts) {
    backend_ = backend;
    parts_ = parts;
  }

  // Computes what Output needs and `saved` lacks, and leaves there what was
  // made on the way.
  void Restore(const Modulation& modulation, const Conditioning& conditioning,
               SelfAttentionSaved* saved) const;
  // The sublayer's result (B, L, D) of a restored `saved`.
  [[nodiscard]] at::Tensor Output(const Modulation& modulation,
                                  const SelfAttentionSaved& saved) const;
  // dx, or an undefined tensor when `need_dx` is false. `saved` is restored;
  // what else it lacks is made here, where it is needed, and it is emptied on
  // the way.
  at::Tensor Backward(const at::Tensor& d, const Modulation& modulation,
                      const Conditioning& conditioning,
                      SelfAttentionSaved saved, bool need_dx);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  // The modulated norm of x in an input buffer of qkv_.
  at::Tensor Normed(const at::Tensor& x, const Modulation& modulation,
                    LayerNormStats* stats) const;
  void RestoreProjection(const Modulation& modulation,
                         SelfAttentionSaved* saved) const;
  // dL/d(q, k, v before the norms) in a gradient buffer of qkv_.
  [[nodiscard]] at::Tensor ProjectionGradient(const at::Tensor& dout,
                                              const Conditioning& conditioning,
                                              SelfAttentionSaved saved) const;
  // dL/d(q, k, v) of the heads [first, first + count).
  [[nodiscard]] AttentionGrads HeadGradients(const at::Tensor& dout,
                                             const Conditioning& conditioning,
                                             const SelfAttentionSaved& saved,
                                             int64_t first,
                                             int64_t count) const;

  LoraLinear qkv_, o_;
  at::Tensor norm_q_, norm_k_;  // (D) float32
  int64_t heads_ = 1;
  int64_t parts_ = 1;
  AttentionBackend backend_ = AttentionBackend::kMath;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_SELF_ATTENTION_H_
