// The third sublayer of a block:
//   x + gate * ffn.2(gelu_tanh(ffn.0(LN(x)(1+scale)+shift))).
// It is the widest part of a block, and each token is by itself, so that its
// tokens can be taken in chunks where memory is short.
#ifndef HP_STAGE_WAN_FEED_FORWARD_H_
#define HP_STAGE_WAN_FEED_FORWARD_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "stage/kernels/norm.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/layer_loader.h"
#include "stage/wan/saved_fields.h"

namespace halfpipe {

struct FeedForwardSaved {
  at::Tensor x;      // the sublayer's input (B, L, D)
  at::Tensor inner;  // the output of ffn.0 (B, L, F), or undefined: then it
                     // is made where it is needed, a chunk at a time

  void AppendFields(SavedFields* fields);
};

class FeedForward {
 public:
  // `block` is "blocks.I."; the tokens are taken in `chunks` parts (1: whole).
  [[nodiscard]] static absl::StatusOr<FeedForward> Load(
      const LayerLoader& loader, const std::string& block, int64_t chunks);

  [[nodiscard]] int64_t chunks() const { return chunks_; }

  void set_chunks(int64_t chunks) { chunks_ = chunks; }

  // See SelfAttention for the three. The gradients of several chunks are added
  // up in the tokens' order: other bits than those of one chunk.
  void Restore(const Modulation& modulation, FeedForwardSaved* saved) const;
  [[nodiscard]] at::Tensor Output(const Modulation& modulation,
                                  const FeedForwardSaved& saved) const;
  at::Tensor Backward(const at::Tensor& d, const Modulation& modulation,
                      FeedForwardSaved saved);

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  [[nodiscard]] at::Tensor OutputOfChunk(const Modulation& modulation,
                                         const FeedForwardSaved& saved) const;
  at::Tensor BackwardOfChunk(const at::Tensor& d, const Modulation& modulation,
                             FeedForwardSaved saved);
  // The modulated norm of x in an input buffer of ffn.0.
  at::Tensor Normed(const at::Tensor& x, const Modulation& modulation,
                    LayerNormStats* stats) const;

  LoraLinear inner_, outer_;  // ffn.0, ffn.2
  int64_t chunks_ = 1;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_FEED_FORWARD_H_
