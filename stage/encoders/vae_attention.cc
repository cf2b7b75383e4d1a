#include "stage/encoders/vae_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "common/base/status.h"
#include "stage/encoders/vae_causal_conv.h"

namespace halfpipe {

absl::StatusOr<VaeAttention> VaeAttention::Load(const WeightLoader& weights,
                                                const std::string& name,
                                                int64_t channels) {
  const int64_t c = channels;
  VaeAttention layer;
  HP_ASSIGN_OR_RETURN(layer.gamma_,
                      weights.Load(name + ".norm.gamma", {c, 1, 1}));
  HP_ASSIGN_OR_RETURN(layer.qkv_weight_,
                      weights.Load(name + ".to_qkv.weight", {3 * c, c, 1, 1}));
  HP_ASSIGN_OR_RETURN(layer.qkv_bias_,
                      weights.Load(name + ".to_qkv.bias", {3 * c}));
  HP_ASSIGN_OR_RETURN(layer.proj_weight_,
                      weights.Load(name + ".proj.weight", {c, c, 1, 1}));
  HP_ASSIGN_OR_RETURN(layer.proj_bias_, weights.Load(name + ".proj.bias", {c}));
  return layer;
}

at::Tensor VaeAttention::Forward(const at::Tensor& x) const {
  const int64_t channels = x.size(1);
  // (T, C, h, w): frames take the place of the batch.
  const at::Tensor frames = x.squeeze(0).transpose(0, 1);
  const int64_t count = frames.size(0);
  const at::Tensor qkv =
      at::conv2d(ChannelRmsNorm(frames, gamma_), qkv_weight_, qkv_bias_)
          .reshape({count, 1, 3 * channels, -1})
          .transpose(2, 3)
          .contiguous();  // (T, 1, h * w, 3C)
  const at::Tensor mixed = at::scaled_dot_product_attention(
      qkv.narrow(3, 0, channels), qkv.narrow(3, channels, channels),
      qkv.narrow(3, 2 * channels, channels));
  const at::Tensor projected =
      at::conv2d(mixed.squeeze(1).transpose(1, 2).reshape(frames.sizes()),
                 proj_weight_, proj_bias_);
  return x + projected.transpose(0, 1).unsqueeze(0);
}

}  // namespace halfpipe
