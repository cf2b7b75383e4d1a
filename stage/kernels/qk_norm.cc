#include "stage/kernels/qk_norm.h"

#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/reference.h"
#ifdef HP_WITH_CUDA
#include "stage/kernels/fused.h"
#endif

namespace halfpipe {

at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  QkNormStats* stats) {
  const KernelScope scope(KernelGroup::kQkNorm, linear.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({linear}, linear.size(-1))) {
    return fused::QkNorm(linear, weight, rope, options, stats);
  }
#endif
  return reference::QkNorm(linear, weight, rope, options, stats);
}

at::Tensor QkNormHeads(const at::Tensor& linear, const at::Tensor& weight,
                       const at::Tensor& rope, const QkNormOptions& options,
                       const QkNormStats& stats, int64_t first, int64_t count) {
  const KernelScope scope(KernelGroup::kQkNorm, linear.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({linear}, linear.size(-1))) {
    return fused::QkNormHeads(linear, weight, rope, options, stats, first,
                              count);
  }
#endif
  return reference::QkNormHeads(linear, weight, rope, options, stats, first,
                                count);
}

at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kQkNorm, linear.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesRows({dheads, linear, out}, linear.size(-1))) {
    return fused::QkNormBackward(dheads, linear, weight, rope, rstd, options,
                                 out);
  }
#endif
  return reference::QkNormBackward(dheads, linear, weight, rope, rstd, options,
                                   out);
}

}  // namespace halfpipe
