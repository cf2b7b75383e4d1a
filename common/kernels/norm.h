// The normalisations of a Wan block, forward and backward. Statistics and
// arithmetic are float32, results have x's dtype. Parameters are frozen, so
// only the gradient of x exists.
//
// All functions of common/kernels: pure, allocate their results on the inputs'
// device, take defined tensors of matching shapes, and report misuse as
// c10::Error (callers run them inside a TorchGuard).
#ifndef HP_COMMON_KERNELS_NORM_H_
#define HP_COMMON_KERNELS_NORM_H_

#include <ATen/core/Tensor.h>

namespace halfpipe {

// What a layer norm's backward needs besides x.
struct LayerNormStats {
  at::Tensor mean;  // (B, L, 1) float32
  at::Tensor rstd;  // (B, L, 1) float32, 1 / sqrt(variance + eps)
};

// A modulation tensor (shift, scale, gate) is (B, G, D) float32: the L tokens
// are G groups of L / G consecutive ones that share a row. G = 1: one row a
// sample; G = latent frames: a timestep of its own for each frame; G = L: one
// a token.

// y = LN(x) * (1 + scale) + shift, LN without parameters. x, y: (B, L, D).
at::Tensor ModulatedLayerNorm(const at::Tensor& x, const at::Tensor& shift,
                              const at::Tensor& scale, double eps,
                              LayerNormStats* stats);
at::Tensor ModulatedLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                      const at::Tensor& scale,
                                      const LayerNormStats& stats);

// y = LN(x) * weight + bias; weight, bias: (D) float32.
at::Tensor AffineLayerNorm(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& bias, double eps,
                           LayerNormStats* stats);
at::Tensor AffineLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                   const at::Tensor& weight,
                                   const LayerNormStats& stats);

// y = x / sqrt(mean(x^2) + eps) * weight over the whole last axis (all heads
// together); weight: (D) float32; *rstd: (B, L, 1) float32.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps,
                   at::Tensor* rstd);
at::Tensor RmsNormBackward(const at::Tensor& dy, const at::Tensor& x,
                           const at::Tensor& weight, const at::Tensor& rstd);

// (B, L, D) as (B, G, L / G, D), to broadcast a (B, G, 1, D) modulation.
at::Tensor GroupTokens(const at::Tensor& x, int64_t groups);

}  // namespace halfpipe

#endif  // HP_COMMON_KERNELS_NORM_H_
