#include "stage/kernels/reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>

#include <array>
#include <tuple>

#include "stage/kernels/rope.h"

namespace halfpipe::reference {
namespace {

// `result` where the caller wants it.
at::Tensor Deliver(const at::Tensor& result, const at::Tensor& out) {
  if (!out.defined()) return result;
  TORCH_CHECK(out.sizes() == result.sizes(), "out has shape ", out.sizes(),
              ", the result ", result.sizes());
  out.copy_(result);
  return out;
}

// dx of a layer norm whose normalised value received `dnormalised` (float32).
at::Tensor NormalisedBackward(const at::Tensor& dnormalised,
                              const at::Tensor& x, const LayerNormStats& stats,
                              const c10::optional<at::Tensor>& weight,
                              const at::Tensor& residual) {
  const std::array<bool, 3> only_dx = {true, false, false};
  at::Tensor dx = std::get<0>(at::native_layer_norm_backward(
      dnormalised, x.to(at::kFloat), {x.size(-1)}, stats.mean, stats.rstd,
      weight, {}, only_dx));
  if (residual.defined()) dx.add_(residual);
  return dx.to(x.scalar_type());
}

// (B, L, H, head_dim) float32, rotated unless `rope` is undefined.
at::Tensor Rotated(const at::Tensor& heads, const at::Tensor& rope) {
  return rope.defined() ? ApplyRope(heads, rope) : heads;
}

at::Tensor Centred(const at::Tensor& heads) {
  return heads - heads.mean(1, /*keepdim=*/true);
}

// `normed` (B, L, D) as heads, rotated.
at::Tensor RotatedHeads(const at::Tensor& normed, const at::Tensor& rope,
                        int64_t heads) {
  return Rotated(normed.view({normed.size(0), normed.size(1), heads, -1}),
                 rope);
}

// The heads less their mean over the tokens, (B, D); undefined: as they are.
at::Tensor Less(const at::Tensor& heads, const at::Tensor& mean) {
  if (!mean.defined()) return heads;
  return heads - mean.view({heads.size(0), 1, heads.size(2), -1});
}

}  // namespace

at::Tensor ModulatedLayerNorm(const at::Tensor& x, const at::Tensor& shift,
                              const at::Tensor& scale, double eps,
                              LayerNormStats* stats, const at::Tensor& out) {
  auto [normalised, mean, rstd] =
      at::native_layer_norm(x.to(at::kFloat), {x.size(-1)}, {}, {}, eps);
  *stats = {mean, rstd};
  at::Tensor y = GroupTokens(normalised, scale.size(1));
  y.mul_((scale + 1.0).unsqueeze(2)).add_(shift.unsqueeze(2));
  return Deliver(normalised.to(x.scalar_type()), out);
}

at::Tensor ModulatedLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                      const at::Tensor& scale,
                                      const LayerNormStats& stats,
                                      const at::Tensor& residual) {
  at::Tensor dnormalised =
      GroupTokens(dy.to(at::kFloat).contiguous(), scale.size(1)) *
      (scale + 1.0).unsqueeze(2);
  return NormalisedBackward(dnormalised.view(x.sizes()), x, stats, {},
                            residual);
}

at::Tensor AffineLayerNorm(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& bias, double eps,
                           LayerNormStats* stats, const at::Tensor& out) {
  auto [y, mean, rstd] =
      at::native_layer_norm(x.to(at::kFloat), {x.size(-1)}, weight, bias, eps);
  *stats = {mean, rstd};
  return Deliver(y.to(x.scalar_type()), out);
}

at::Tensor AffineLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                   const at::Tensor& weight,
                                   const LayerNormStats& stats,
                                   const at::Tensor& residual) {
  return NormalisedBackward(dy.to(at::kFloat), x, stats, weight, residual);
}

at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  QkNormStats* stats) {
  const at::Tensor wide = linear.to(at::kFloat).contiguous();
  const at::Tensor heads = RotatedHeads(
      RmsNorm(wide, weight, options.eps, &stats->rstd), rope, options.heads);
  stats->mean.reset();
  if (options.centre) stats->mean = heads.mean(1).flatten(1);
  return Less(heads, stats->mean).to(linear.scalar_type());
}

at::Tensor QkNormHeads(const at::Tensor& linear, const at::Tensor& weight,
                       const at::Tensor& rope, const QkNormOptions& options,
                       const QkNormStats& stats, int64_t first, int64_t count) {
  // All of them and then a part: slices would be rounded otherwise, since ATen
  // multiplies complex numbers at a row's end by another way.
  const at::Tensor normed =
      (linear.to(at::kFloat).contiguous() * stats.rstd).mul_(weight);
  const at::Tensor heads = Less(RotatedHeads(normed, rope, options.heads),
                                options.centre ? stats.mean : at::Tensor());
  return heads.narrow(2, first, count).contiguous().to(linear.scalar_type());
}

at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out) {
  at::Tensor d = dheads.to(at::kFloat).contiguous();
  if (options.centre) d = Centred(d);
  if (rope.defined()) d = ApplyRopeBackward(d, rope);
  const at::Tensor dx = RmsNormBackward(d.view(linear.sizes()),
                                        linear.to(at::kFloat), weight, rstd);
  return Deliver(dx.to(linear.scalar_type()), out);
}

at::Tensor GatedResidual(const at::Tensor& x, const at::Tensor& gate,
                         const at::Tensor& y) {
  at::Tensor sum = GroupTokens(y.to(at::kFloat).contiguous(), gate.size(1)) *
                   gate.unsqueeze(2);
  return sum.view(x.sizes()).add_(x).to(x.scalar_type());
}

at::Tensor GatedResidualBackward(const at::Tensor& d, const at::Tensor& gate,
                                 const at::Tensor& out) {
  at::Tensor dy = GroupTokens(d.to(at::kFloat).contiguous(), gate.size(1)) *
                  gate.unsqueeze(2);
  return Deliver(dy.view(d.sizes()).to(d.scalar_type()), out);
}

at::Tensor GeluTanh(const at::Tensor& x, const at::Tensor& out) {
  return Deliver(at::gelu(x, "tanh"), out);
}

GeluGradient GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x,
                              const at::Tensor& dx_out,
                              const at::Tensor& activated_out) {
  // Both before either is delivered: an `out` may be the memory of an input.
  const at::Tensor dx = at::gelu_backward(dy, x, "tanh");
  const at::Tensor activated = at::gelu(x, "tanh");
  return {Deliver(dx, dx_out), Deliver(activated, activated_out)};
}

}  // namespace halfpipe::reference
