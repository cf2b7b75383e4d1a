// The functions of norm.h, qk_norm.h, residual.h and fp8.h in plain ATen: what
// runs on the CPU and in other types than bfloat16, and what the fused kernels
// are compared with. Same contracts; `out` is filled by a copy.
#ifndef HP_STAGE_KERNELS_REFERENCE_H_
#define HP_STAGE_KERNELS_REFERENCE_H_

#include <ATen/core/Tensor.h>

#include "stage/kernels/fp8.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/qk_norm.h"
#include "stage/kernels/residual.h"

namespace halfpipe::reference {

at::Tensor ModulatedLayerNorm(const at::Tensor& x, const at::Tensor& shift,
                              const at::Tensor& scale, double eps,
                              LayerNormStats* stats,
                              const at::Tensor& out = {});
at::Tensor ModulatedLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                      const at::Tensor& scale,
                                      const LayerNormStats& stats,
                                      const at::Tensor& residual = {});
at::Tensor AffineLayerNorm(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& bias, double eps,
                           LayerNormStats* stats, const at::Tensor& out = {});
at::Tensor AffineLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                                   const at::Tensor& weight,
                                   const LayerNormStats& stats,
                                   const at::Tensor& residual = {});

at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  QkNormStats* stats);
at::Tensor QkNormHeads(const at::Tensor& linear, const at::Tensor& weight,
                       const at::Tensor& rope, const QkNormOptions& options,
                       const QkNormStats& stats, int64_t first, int64_t count);
at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out = {});

at::Tensor GatedResidual(const at::Tensor& x, const at::Tensor& gate,
                         const at::Tensor& y);
at::Tensor GatedResidualBackward(const at::Tensor& d, const at::Tensor& gate,
                                 const at::Tensor& out = {});
at::Tensor GeluTanh(const at::Tensor& x, const at::Tensor& out = {});
GeluGradient GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x,
                              const at::Tensor& dx_out = {},
                              const at::Tensor& activated_out = {});

Fp8Matrix QuantiseRows(const at::Tensor& x, const at::Tensor& column_factors);
void Dequantise(const Fp8Matrix& matrix, const at::Tensor& out);
at::Tensor Fp8Product(const Fp8Matrix& left, const Fp8Matrix& right,
                      const at::Tensor& bias, at::ScalarType dtype);

}  // namespace halfpipe::reference

#endif  // HP_STAGE_KERNELS_REFERENCE_H_
