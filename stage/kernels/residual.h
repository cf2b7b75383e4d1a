// What stands between the matrix products of a block: the gated residual and
// the activation, forward and backward. See norm.h for the common contract and
// the (B, G, D) modulation layout.
#ifndef HP_STAGE_KERNELS_RESIDUAL_H_
#define HP_STAGE_KERNELS_RESIDUAL_H_

#include <ATen/core/Tensor.h>

namespace halfpipe {

// x + gate * y in float32, result in x's dtype. x, y: (B, L, D).
at::Tensor GatedResidual(const at::Tensor& x, const at::Tensor& gate,
                         const at::Tensor& y);
// The gradient of y (gate * d); the gradient of x is d itself.
at::Tensor GatedResidualBackward(const at::Tensor& d, const at::Tensor& gate,
                                 const at::Tensor& out = {});

// GELU in its tanh form, float32 inside, result in x's dtype. x: (..., D).
// Here `out` may be the memory of an input.
at::Tensor GeluTanh(const at::Tensor& x, const at::Tensor& out = {});

struct GeluGradient {
  at::Tensor dx;
  at::Tensor activated;  // gelu(x) once more, from the same pass
};

GeluGradient GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x,
                              const at::Tensor& dx_out = {},
                              const at::Tensor& activated_out = {});

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_RESIDUAL_H_
