// The convolutions of the Wan VAE encoder, causal in time, over chunks of
// frames with what they remember between chunks.
#ifndef HP_STAGE_ENCODERS_VAE_CAUSAL_CONV_H_
#define HP_STAGE_ENCODERS_VAE_CAUSAL_CONV_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/statusor.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {

// What the causal layers keep of the previous chunk: one slot a layer, in call
// order, which is the same for every chunk. One video, one cache.
class FeatureCache {
 public:
  // Starts over at the first layer; call before each chunk.
  void BeginChunk() { next_ = 0; }

  // The slot of the layer that asks; an undefined tensor in the first chunk.
  // The reference stays valid.
  [[nodiscard]] at::Tensor& NextSlot();

 private:
  std::deque<at::Tensor> slots_;
  size_t next_ = 0;
};

// Conv3d with kernel (k, k, k), k = 3 or 1, stride 1: (k - 1) / 2 zeros on each
// spatial side, k - 1 frames in front and none behind.
class CausalConv3d {
 public:
  // `<name>.weight` (out, in, kernel, kernel, kernel) and `<name>.bias` (out).
  // kAnySize for `in` takes what the file has.
  [[nodiscard]] static absl::StatusOr<CausalConv3d> Load(
      const WeightLoader& weights, const std::string& name, int64_t in,
      int64_t kernel);

  // x: (1, in, T, H, W) -> (1, out, T, H, W). In front come the last two frames
  // of the previous chunk, zeros before the first.
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x,
                                   FeatureCache& cache) const;

  [[nodiscard]] int64_t in_channels() const { return weight_.size(1); }

  [[nodiscard]] int64_t out_channels() const { return weight_.size(0); }

 private:
  at::Tensor weight_, bias_;
};

// x / max(norm of x over dimension 1, 1e-12) * sqrt(C) * gamma; the norm in
// fp32. gamma: (C, 1, 1) or (C, 1, 1, 1), as the file has it.
[[nodiscard]] at::Tensor ChannelRmsNorm(const at::Tensor& x,
                                        const at::Tensor& gamma);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_VAE_CAUSAL_CONV_H_
