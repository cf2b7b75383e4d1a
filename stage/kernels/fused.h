// The fused CUDA kernels behind norm.h, qk_norm.h, residual.h and fp8.h, for
// bfloat16 tensors. Same contracts. Only in builds with HP_WITH_CUDA.
#ifndef HP_STAGE_KERNELS_FUSED_H_
#define HP_STAGE_KERNELS_FUSED_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>

#include "stage/kernels/fp8.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/qk_norm.h"
#include "stage/kernels/residual.h"

namespace halfpipe::fused {

// Whether the kernels take these activations: all defined ones are non-empty
// bfloat16 on a CUDA device.
[[nodiscard]] bool Takes(
    std::initializer_list<std::reference_wrapper<const at::Tensor>> tensors);
// And, for the norms, a row fits into one block of threads.
[[nodiscard]] bool TakesRows(
    std::initializer_list<std::reference_wrapper<const at::Tensor>> tensors,
    int64_t width);

// Affine: scale is the weight, shift the bias, (1, 1, D).
enum class LayerNormKind { kModulated, kAffine };

at::Tensor LayerNorm(LayerNormKind kind, const at::Tensor& x,
                     const at::Tensor& shift, const at::Tensor& scale,
                     double eps, LayerNormStats* stats, const at::Tensor& out);
at::Tensor LayerNormBackward(LayerNormKind kind, const at::Tensor& dy,
                             const at::Tensor& x, const at::Tensor& scale,
                             const LayerNormStats& stats,
                             const at::Tensor& residual);

at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  QkNormStats* stats);
at::Tensor QkNormHeads(const at::Tensor& linear, const at::Tensor& weight,
                       const at::Tensor& rope, const QkNormOptions& options,
                       const QkNormStats& stats, int64_t first, int64_t count);
at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out);

// x + gate * y; x undefined: gate * y.
at::Tensor Gate(const at::Tensor& x, const at::Tensor& gate,
                const at::Tensor& y, const at::Tensor& out);
at::Tensor GeluTanh(const at::Tensor& x, const at::Tensor& out);
GeluGradient GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x,
                              const at::Tensor& dx_out,
                              const at::Tensor& activated_out);

// And a row fits into one block of threads.
[[nodiscard]] bool TakesQuantise(const at::Tensor& x);
Fp8Matrix QuantiseRows(const at::Tensor& x, const at::Tensor& column_factors);
void Dequantise(const Fp8Matrix& matrix, const at::Tensor& out);
// On a CUDA device, with sizes in whole words of four.
[[nodiscard]] bool TakesTranspose(const at::Tensor& values);
void TransposeBytes(const at::Tensor& values, const at::Tensor& out);

}  // namespace halfpipe::fused

#endif  // HP_STAGE_KERNELS_FUSED_H_
