#include "stage/kernels/fused_launch.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAStream.h>

#include <limits>

namespace halfpipe::fused {

cudaStream_t Enqueue::stream() const {
  return c10::cuda::getCurrentCUDAStream().stream();
}

void CheckLaunch(cudaError_t error, const char* kernel) {
  TORCH_CHECK(error == cudaSuccess, "launch of the ", kernel,
              " kernel: ", cudaGetErrorString(error));
}

void CheckSameShape(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.sizes() == b.sizes(), "shapes ", a.sizes(), " and ", b.sizes(),
              " differ");
}

int64_t RowCount(const at::Tensor& x) {
  const int64_t rows = x.numel() / x.size(-1);
  TORCH_CHECK(rows <= std::numeric_limits<int32_t>::max(),
              "too many rows: ", rows);
  return rows;
}

at::Tensor FloatParameter(const at::Tensor& values, at::IntArrayRef sizes,
                          const at::Tensor& x) {
  TORCH_CHECK(values.scalar_type() == at::kFloat &&
                  values.device() == x.device() && values.sizes() == sizes,
              "expected float32 of shape ", sizes, " on ", x.device(),
              ", found ", values.scalar_type(), " of shape ", values.sizes(),
              " on ", values.device());
  return values.contiguous();
}

at::Tensor NewPerRow(const at::Tensor& x) {
  return at::empty({x.size(0), x.size(1), 1}, x.options().dtype(at::kFloat));
}

}  // namespace halfpipe::fused
