// RMS norm, SiLU, conv, twice, plus the input.
#ifndef HP_STAGE_ENCODERS_VAE_RESIDUAL_BLOCK_H_
#define HP_STAGE_ENCODERS_VAE_RESIDUAL_BLOCK_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "stage/encoders/vae_causal_conv.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {

class VaeResidualBlock {
 public:
  // Loads `<name>.residual.*` and, where channels change, `<name>.shortcut.*`.
  [[nodiscard]] static absl::StatusOr<VaeResidualBlock> Load(
      const WeightLoader& weights, const std::string& name, int64_t in);

  // (1, in, T, H, W) -> (1, out, T, H, W)
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x,
                                   FeatureCache& cache) const;

  [[nodiscard]] int64_t out_channels() const { return conv2_.out_channels(); }

 private:
  at::Tensor gamma1_, gamma2_;
  CausalConv3d conv1_, conv2_;
  std::optional<CausalConv3d> shortcut_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_VAE_RESIDUAL_BLOCK_H_
