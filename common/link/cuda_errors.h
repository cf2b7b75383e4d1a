// CUDA runtime errors as statuses.
#ifndef HP_COMMON_LINK_CUDA_ERRORS_H_
#define HP_COMMON_LINK_CUDA_ERRORS_H_

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Out of memory: ResourceExhausted. Everything else is a device fault, which
// sticks to the process: Internal.
[[nodiscard]] inline absl::Status CudaStatus(cudaError_t error,
                                             absl::string_view expression) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message =
      absl::StrCat(expression, ": ", cudaGetErrorName(error), " (",
                   cudaGetErrorString(error), ")");
  if (error == cudaErrorMemoryAllocation) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::InternalError(message);
}

}  // namespace halfpipe

// Returns from the enclosing function when a CUDA call failed.
#define HP_CUDA_RETURN_IF_ERROR(expr) \
  HP_RETURN_IF_ERROR(::halfpipe::CudaStatus((expr), #expr))

#endif  // HP_COMMON_LINK_CUDA_ERRORS_H_
