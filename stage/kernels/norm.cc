#include "stage/kernels/norm.h"

#include <ATen/TensorOperators.h>

#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/reference.h"
#ifdef HP_WITH_CUDA
#include "stage/kernels/fused.h"
#endif

namespace halfpipe {

at::Tensor GroupTokens(const at::Tensor& x, int64_t groups) {
  TORCH_CHECK(x.dim() == 3 && x.size(1) % groups == 0, "cannot divide ",
              x.sizes(), " into ", groups, " token groups");
  return x.view({x.size(0), groups, x.size(1) / groups, x.size(2)});
}

at::Tensor ModulatedLayerNorm(const at::Tensor& x, const at::Tensor& shift,
                              const at::Tensor& scale, double eps,
                              LayerNormStats* stats, const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kNorm, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({x, out}, x.size(-1))) {
    return fused::LayerNorm(fused::LayerNormKind::kModulated, x, shift, scale,
                            eps, stats, out);
  }
#endif
  return reference::ModulatedLayerNorm(x, shift, scale, eps, stats, out);
}

at::Tensor ModulatedLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                      const at::Tensor& scale,
                                      const LayerNormStats& stats,
                                      const at::Tensor& residual) {
  const KernelScope scope(KernelGroup::kNorm, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({dy, x, residual}, x.size(-1))) {
    return fused::LayerNormBackward(fused::LayerNormKind::kModulated, dy, x,
                                    scale, stats, residual);
  }
#endif
  return reference::ModulatedLayerNormBackward(dy, x, scale, stats, residual);
}

at::Tensor AffineLayerNorm(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& bias, double eps,
                           LayerNormStats* stats, const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kNorm, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({x, out}, x.size(-1))) {
    return fused::LayerNorm(fused::LayerNormKind::kAffine, x, bias, weight, eps,
                            stats, out);
  }
#endif
  return reference::AffineLayerNorm(x, weight, bias, eps, stats, out);
}

at::Tensor AffineLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                   const at::Tensor& weight,
                                   const LayerNormStats& stats,
                                   const at::Tensor& residual) {
  const KernelScope scope(KernelGroup::kNorm, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({dy, x, residual}, x.size(-1))) {
    return fused::LayerNormBackward(fused::LayerNormKind::kAffine, dy, x,
                                    weight, stats, residual);
  }
#endif
  return reference::AffineLayerNormBackward(dy, x, weight, stats, residual);
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
