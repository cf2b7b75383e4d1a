#include "stage/encoders/vae_downsample.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>

#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<VaeDownsample> VaeDownsample::Load(const WeightLoader& weights,
                                                  const std::string& name,
                                                  int64_t channels) {
  const int64_t c = channels;
  VaeDownsample layer;
  HP_ASSIGN_OR_RETURN(layer.weight_,
                      weights.Load(name + ".resample.1.weight", {c, c, 3, 3}));
  HP_ASSIGN_OR_RETURN(layer.bias_,
                      weights.Load(name + ".resample.1.bias", {c}));
  if (!weights.Has(name + ".time_conv.weight")) return layer;
  HP_ASSIGN_OR_RETURN(
      layer.time_weight_,
      weights.Load(name + ".time_conv.weight", {c, c, 3, 1, 1}));
  HP_ASSIGN_OR_RETURN(layer.time_bias_,
                      weights.Load(name + ".time_conv.bias", {c}));
  return layer;
}

at::Tensor VaeDownsample::Forward(const at::Tensor& x,
                                  FeatureCache& cache) const {
  // (T, C, H + 1, W + 1): one zero column right, one zero row below.
  const at::Tensor frames =
      at::constant_pad_nd(x.squeeze(0).transpose(0, 1), {0, 1, 0, 1});
  at::Tensor half = at::conv2d(frames, weight_, bias_, /*stride=*/2)
                        .transpose(0, 1)
                        .unsqueeze(0);
  if (!halves_time()) return half;
  at::Tensor& past = cache.NextSlot();
  const at::Tensor last = half.narrow(2, half.size(2) - 1, 1).clone();
  if (past.defined()) {
    half = at::conv3d(at::cat({past, half}, 2), time_weight_, time_bias_,
                      /*stride=*/{2, 1, 1});
  }
  past = last;
  return half;
}

at::Tensor AverageDown(const at::Tensor& x, int64_t out, int64_t factor_t,
                       int64_t factor_s) {
  const int64_t surplus = x.size(2) % factor_t;
  const int64_t missing = surplus == 0 ? 0 : factor_t - surplus;
  const at::Tensor padded =
      at::constant_pad_nd(x, {0, 0, 0, 0, missing, 0}).squeeze(0);
  const int64_t channels = padded.size(0);
  const int64_t t = padded.size(1) / factor_t;
  const int64_t h = padded.size(2) / factor_s;
  const int64_t w = padded.size(3) / factor_s;
  return padded.reshape({channels, t, factor_t, h, factor_s, w, factor_s})
      .permute({0, 2, 4, 6, 1, 3, 5})
      .reshape({out, -1, t, h, w})
      .mean(1)
      .unsqueeze(0);
}

}  // namespace halfpipe
