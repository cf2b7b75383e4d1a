// The normalisations of a Wan block, forward and backward. Statistics and
// arithmetic are float32, results have x's dtype and are rounded once.
// Parameters are frozen, so only the gradient of x exists.
//
// All functions of stage/kernels: pure, allocate their results on the inputs'
// device unless `out` says where, take defined tensors of matching shapes, and
// report misuse as c10::Error (callers run them inside a TorchGuard). On a CUDA
// device they enqueue on the current stream of x's device.
//
// The (B, L, D) inputs have unit stride in D; rows that are equally spaced with
// any stride are taken as they are, others are copied. `out`: a (B, L, D)
// tensor of x's dtype whose rows are equally spaced and do not overlap, with
// unit stride in D; it is written in place and returned. Undefined: the result
// is a new contiguous tensor. bfloat16 on a CUDA device runs the fused kernels
// of stage/kernels/cuda, one pass over the memory, everything else the ATen
// formulas of reference.h.
#ifndef HP_STAGE_KERNELS_NORM_H_
#define HP_STAGE_KERNELS_NORM_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

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
                              LayerNormStats* stats,
                              const at::Tensor& out = {});
// residual + the gradient of x, rounded together; residual: (B, L, D) in x's
// dtype, undefined: the gradient alone.
at::Tensor ModulatedLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                      const at::Tensor& scale,
                                      const LayerNormStats& stats,
                                      const at::Tensor& residual = {});

// y = LN(x) * weight + bias; weight, bias: (D) float32.
at::Tensor AffineLayerNorm(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& bias, double eps,
                           LayerNormStats* stats, const at::Tensor& out = {});
// As ModulatedLayerNormBackward.
at::Tensor AffineLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                   const at::Tensor& weight,
                                   const LayerNormStats& stats,
                                   const at::Tensor& residual = {});

// y = x / sqrt(mean(x^2) + eps) * weight over the whole last axis (all heads
// together); weight: (D) float32; *rstd: (B, L, 1) float32. ATen on every
// device; qk_norm.h has it fused with what follows it.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps,
                   at::Tensor* rstd);
at::Tensor RmsNormBackward(const at::Tensor& dy, const at::Tensor& x,
                           const at::Tensor& weight, const at::Tensor& rstd);

// (B, L, D) as (B, G, L / G, D), to broadcast a (B, G, 1, D) modulation.
at::Tensor GroupTokens(const at::Tensor& x, int64_t groups);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_NORM_H_
