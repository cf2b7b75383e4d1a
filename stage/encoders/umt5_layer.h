// One layer of the UMT5 encoder: pre-norm self-attention
// with its own relative position bias, then a gated feed-forward.
#ifndef HP_STAGE_ENCODERS_UMT5_LAYER_H_
#define HP_STAGE_ENCODERS_UMT5_LAYER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {

// Root mean square norm: variance in fp32, the product cast to the weight's
// dtype, then times the weight; eps 1e-6. x: (..., d).
[[nodiscard]] at::Tensor Umt5RmsNorm(const at::Tensor& x,
                                     const at::Tensor& weight);

// The bucket of every (query, key) pair, (length, length) int64 on the CPU:
// `buckets` in all, half of them for keys behind the query; within a half the
// first half exact, the rest logarithmic up to a distance of 128.
[[nodiscard]] at::Tensor RelativeBuckets(int64_t length, int64_t buckets);

// Immutable after Load; Forward may be called from one thread at a time for
// each device stream.
class Umt5Layer {
 public:
  // Loads `blocks.<index>.`; codes of WeightLoader::Load.
  [[nodiscard]] static absl::StatusOr<Umt5Layer> Load(
      const WeightLoader& weights, int64_t index, int64_t d_model);

  // x: (length, d_model), buckets: (length, length) int64 on x's device.
  // No padding may be in x: masked tokens would get a weight of exactly zero,
  // so the encoder leaves them out.
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x,
                                   const at::Tensor& buckets) const;

  // The rows of the relative position bias.
  [[nodiscard]] int64_t bucket_count() const { return bias_.size(0); }

 private:
  [[nodiscard]] at::Tensor Attention(const at::Tensor& x,
                                     const at::Tensor& buckets) const;
  [[nodiscard]] at::Tensor FeedForward(const at::Tensor& x) const;

  at::Tensor norm1_, norm2_;  // (d_model)
  at::Tensor q_, k_, v_;      // (heads * head_dim, d_model)
  at::Tensor o_;              // (d_model, heads * head_dim)
  at::Tensor bias_;           // (buckets, heads)
  at::Tensor gate_, fc1_;     // (d_ff, d_model)
  at::Tensor fc2_;            // (d_model, d_ff)
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_UMT5_LAYER_H_
