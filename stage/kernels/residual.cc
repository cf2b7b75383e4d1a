#include "stage/kernels/residual.h"

#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/reference.h"
#ifdef HP_WITH_CUDA
#include "stage/kernels/fused.h"
#endif

namespace halfpipe {

at::Tensor GatedResidual(const at::Tensor& x, const at::Tensor& gate,
                         const at::Tensor& y) {
  const KernelScope scope(KernelGroup::kNorm, y.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::Takes({x, y})) return fused::Gate(x, gate, y, /*out=*/{});
#endif
  return reference::GatedResidual(x, gate, y);
}

at::Tensor GatedResidualBackward(const at::Tensor& d, const at::Tensor& gate,
                                 const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kNorm, d.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::Takes({d, out})) return fused::Gate(/*x=*/{}, gate, d, out);
#endif
  return reference::GatedResidualBackward(d, gate, out);
}

at::Tensor GeluTanh(const at::Tensor& x, const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kActivation, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::Takes({x, out})) return fused::GeluTanh(x, out);
#endif
  return reference::GeluTanh(x, out);
}

GeluGradient GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x,
                              const at::Tensor& dx_out,
                              const at::Tensor& activated_out) {
  const KernelScope scope(KernelGroup::kActivation, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::Takes({dy, x, dx_out, activated_out})) {
    return fused::GeluTanhBackward(dy, x, dx_out, activated_out);
  }
#endif
  return reference::GeluTanhBackward(dy, x, dx_out, activated_out);
}

}  // namespace halfpipe
