#include "stage/activations/host_state.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#ifdef HP_WITH_CUDA
#include <cuda_runtime_api.h>

#include "absl/strings/str_cat.h"
#include "stage/kernels/torch_guard.h"
#endif

namespace halfpipe {
namespace {

at::Tensor HostBlock(int64_t count, const at::TensorOptions& options,
                     bool page_locked) {
  const at::TensorOptions on_host = options.device(at::kCPU);
#ifdef HP_WITH_CUDA
  if (page_locked && count > 0) {
    const auto bytes = static_cast<size_t>(count) * options.dtype().itemsize();
    void* data = nullptr;
    const cudaError_t error = cudaHostAlloc(&data, bytes, cudaHostAllocDefault);
    if (error != cudaSuccess) {
      (void)cudaGetLastError();  // a refusal leaves the context usable
      throw PinRefusedError(
          {__func__, __FILE__, __LINE__},
          absl::StrCat("cannot pin ", bytes,
                       " bytes of host memory for the optimizer: ",
                       cudaGetErrorString(error)),
          static_cast<int64_t>(bytes));
    }
    return at::from_blob(
               data, {count}, [](void* block) { cudaFreeHost(block); }, on_host)
        .zero_();
  }
#endif
  (void)page_locked;
  return at::zeros({count}, on_host);
}

}  // namespace

std::vector<at::Tensor> HostZerosLike(const std::vector<at::Tensor>& tensors,
                                      const at::Device& device) {
  if (tensors.empty()) return {};
  int64_t count = 0;
  for (const at::Tensor& tensor : tensors) count += tensor.numel();
  const at::Tensor block =
      HostBlock(count, tensors.front().options(), device.is_cuda());
  std::vector<at::Tensor> views;
  views.reserve(tensors.size());
  int64_t offset = 0;
  for (const at::Tensor& tensor : tensors) {
    views.push_back(
        block.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
    offset += tensor.numel();
  }
  return views;
}

}  // namespace halfpipe
