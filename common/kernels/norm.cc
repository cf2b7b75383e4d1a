#include "common/kernels/norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>

#include <array>
#include <tuple>

namespace halfpipe {
namespace {

// dx of a layer norm whose normalised value received `dnormalised` (float32).
at::Tensor NormalisedBackward(const at::Tensor& dnormalised,
                              const at::Tensor& x, const LayerNormStats& stats,
                              const c10::optional<at::Tensor>& weight) {
  const std::array<bool, 3> only_dx = {true, false, false};
  at::Tensor dx = std::get<0>(at::native_layer_norm_backward(
      dnormalised, x.to(at::kFloat), {x.size(-1)}, stats.mean, stats.rstd,
      weight, {}, only_dx));
  return dx.to(x.scalar_type());
}

}  // namespace

at::Tensor GroupTokens(const at::Tensor& x, int64_t groups) {
  TORCH_CHECK(x.dim() == 3 && x.size(1) % groups == 0, "cannot divide ",
              x.sizes(), " into ", groups, " token groups");
  return x.view({x.size(0), groups, x.size(1) / groups, x.size(2)});
}

at::Tensor ModulatedLayerNorm(const at::Tensor& x, const at::Tensor& shift,
                              const at::Tensor& scale, double eps,
                              LayerNormStats* stats) {
  auto [normalised, mean, rstd] =
      at::native_layer_norm(x.to(at::kFloat), {x.size(-1)}, {}, {}, eps);
  *stats = {mean, rstd};
  at::Tensor y = GroupTokens(normalised, scale.size(1));
  y.mul_((scale + 1.0).unsqueeze(2)).add_(shift.unsqueeze(2));
  return normalised.to(x.scalar_type());
}

at::Tensor ModulatedLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                      const at::Tensor& scale,
                                      const LayerNormStats& stats) {
  at::Tensor dnormalised = GroupTokens(dy.to(at::kFloat), scale.size(1)) *
                           (scale + 1.0).unsqueeze(2);
  return NormalisedBackward(dnormalised.view(x.sizes()), x, stats, {});
}

at::Tensor AffineLayerNorm(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& bias, double eps,
                           LayerNormStats* stats) {
  auto [y, mean, rstd] =
      at::native_layer_norm(x.to(at::kFloat), {x.size(-1)}, weight, bias, eps);
  *stats = {mean, rstd};
  return y.to(x.scalar_type());
}

at::Tensor AffineLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                   const at::Tensor& weight,
                                   const LayerNormStats& stats) {
  return NormalisedBackward(dy.to(at::kFloat), x, stats, weight);
}

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps,
                   at::Tensor* rstd) {
  at::Tensor wide = x.to(at::kFloat);
  *rstd = wide.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
  return (wide * *rstd).mul_(weight).to(x.scalar_type());
}

// With n = x * rstd and g = dy * weight: dx = rstd * (g - n * mean(g * n)).
at::Tensor RmsNormBackward(const at::Tensor& dy, const at::Tensor& x,
                           const at::Tensor& weight, const at::Tensor& rstd) {
  at::Tensor normalised = x.to(at::kFloat) * rstd;
  at::Tensor g = dy.to(at::kFloat) * weight;
  at::Tensor projection = (g * normalised).mean(-1, /*keepdim=*/true);
  return g.sub_(normalised.mul_(projection)).mul_(rstd).to(x.scalar_type());
}

}  // namespace halfpipe
