// The attention in the middle of the VAE: one head, each frame by itself over
// its h * w positions.
#ifndef HP_STAGE_ENCODERS_VAE_ATTENTION_H_
#define HP_STAGE_ENCODERS_VAE_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {

class VaeAttention {
 public:
  // Loads `<name>.{norm.gamma,to_qkv.*,proj.*}`.
  [[nodiscard]] static absl::StatusOr<VaeAttention> Load(
      const WeightLoader& weights, const std::string& name, int64_t channels);

  // (1, C, T, h, w) -> the same shape, input added.
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x) const;

 private:
  at::Tensor gamma_;                    // (C, 1, 1)
  at::Tensor qkv_weight_, qkv_bias_;    // (3C, C, 1, 1), (3C)
  at::Tensor proj_weight_, proj_bias_;  // (C, C, 1, 1), (C)
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_VAE_ATTENTION_H_
