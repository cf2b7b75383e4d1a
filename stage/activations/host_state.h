// Optimizer state in page-locked host memory: what only the optimizer reads
// need not be on the GPU while it computes.
#ifndef HP_STAGE_ACTIVATIONS_HOST_STATE_H_
#define HP_STAGE_ACTIVATIONS_HOST_STATE_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace halfpipe {

// Zeros of the tensors' shapes and dtype in the host's memory, page-locked for
// copies to `device` if that is a CUDA device: views of one block that lives as
// long as any of them. Runs inside a TorchGuard; throws c10::OutOfMemoryError
// (ResourceExhausted) when the host refuses.
[[nodiscard]] std::vector<at::Tensor> HostZerosLike(
    const std::vector<at::Tensor>& tensors, const at::Device& device);

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_HOST_STATE_H_
