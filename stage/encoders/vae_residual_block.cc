#include "stage/encoders/vae_residual_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/silu.h>

#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<VaeResidualBlock> VaeResidualBlock::Load(
    const WeightLoader& weights, const std::string& name, int64_t in) {
  const std::string residual = name + ".residual.";
  VaeResidualBlock block;
  HP_ASSIGN_OR_RETURN(block.gamma1_,
                      weights.Load(residual + "0.gamma", {in, 1, 1, 1}));
  HP_ASSIGN_OR_RETURN(block.conv1_,
                      CausalConv3d::Load(weights, residual + "2", in, 3));
  const int64_t out = block.conv1_.out_channels();
  HP_ASSIGN_OR_RETURN(block.gamma2_,
                      weights.Load(residual + "3.gamma", {out, 1, 1, 1}));
  HP_ASSIGN_OR_RETURN(block.conv2_,
                      CausalConv3d::Load(weights, residual + "6", out, 3));
  if (block.out_channels() != in) {
    HP_ASSIGN_OR_RETURN(block.shortcut_,
                        CausalConv3d::Load(weights, name + ".shortcut", in, 1));
  }
  return block;
}

at::Tensor VaeResidualBlock::Forward(const at::Tensor& x,
                                     FeatureCache& cache) const {
  at::Tensor hidden = at::silu(ChannelRmsNorm(x, gamma1_));
  hidden = conv1_.Forward(hidden, cache);
  hidden = at::silu(ChannelRmsNorm(hidden, gamma2_));
  hidden = conv2_.Forward(hidden, cache);
  if (shortcut_.has_value()) return shortcut_->Forward(x, cache) + hidden;
  return x + hidden;
}

}  // namespace halfpipe
