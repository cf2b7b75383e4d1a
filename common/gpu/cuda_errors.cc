#include "common/gpu/cuda_errors.h"

namespace halfpipe {

absl::Status CudaStatus(cudaError_t error, absl::string_view expression) {
  if (error == cudaSuccess) return absl::OkStatus();
  int device = -1;
  (void)cudaGetDevice(&device);
  const std::string message =
      absl::StrCat(expression, ": ", cudaGetErrorName(error), ": ",
                   cudaGetErrorString(error), " (device ", device, ")");
  if (error == cudaErrorMemoryAllocation) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::InternalError(message);
}

}  // namespace halfpipe
