// HostCopies of a CUDA device: two streams and a pool of pinned buffers.
#ifndef HP_STAGE_ACTIVATIONS_CUDA_HOST_COPIES_H_
#define HP_STAGE_ACTIVATIONS_CUDA_HOST_COPIES_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/status/statusor.h"
#include "stage/activations/host_copies.h"

namespace halfpipe {

// REQUIRES: a CUDA device whose context exists.
[[nodiscard]] absl::StatusOr<std::unique_ptr<HostCopies>> MakeCudaHostCopies(
    const at::Device& device);

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_CUDA_HOST_COPIES_H_
