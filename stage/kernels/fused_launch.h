// What the host side of all fused kernels needs: device and stream, checks and
// float32 operands.
#ifndef HP_STAGE_KERNELS_FUSED_LAUNCH_H_
#define HP_STAGE_KERNELS_FUSED_LAUNCH_H_

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace halfpipe::fused {

// Makes x's device current while it lives.
class Enqueue {
 public:
  explicit Enqueue(const at::Tensor& x) : guard_(x.device()) {}

  // The device's current stream.
  [[nodiscard]] cudaStream_t stream() const;

 private:
  c10::cuda::CUDAGuard guard_;
};

// c10::Error that names `kernel`, unless `error` is cudaSuccess.
void CheckLaunch(cudaError_t error, const char* kernel);

void CheckSameShape(const at::Tensor& a, const at::Tensor& b);

// How many rows x has; c10::Error from 2^31 on.
[[nodiscard]] int64_t RowCount(const at::Tensor& x);

// `values`, float32 of shape `sizes` on x's device, in one piece.
[[nodiscard]] at::Tensor FloatParameter(const at::Tensor& values,
                                        at::IntArrayRef sizes,
                                        const at::Tensor& x);

// A new (B, L, 1) float32 tensor beside x (B, L, D).
[[nodiscard]] at::Tensor NewPerRow(const at::Tensor& x);

}  // namespace halfpipe::fused

#endif  // HP_STAGE_KERNELS_FUSED_LAUNCH_H_
