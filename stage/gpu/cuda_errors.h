// CUDA runtime errors as statuses.
#ifndef HP_STAGE_GPU_CUDA_ERRORS_H_
#define HP_STAGE_GPU_CUDA_ERRORS_H_

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"

namespace halfpipe {

// "expression: cudaErrorName: text (device N)". ResourceExhausted for a failed
// allocation, else Internal: after most faults the context is unusable and the
// process must be started again. Where the device itself failed or is gone, the
// status says so (IsDeviceFault of common/jobs/failure_notes.h).
[[nodiscard]] absl::Status CudaStatus(cudaError_t error,
                                      absl::string_view expression);

}  // namespace halfpipe

// Returns from the enclosing function when a CUDA runtime call fails.
#define HP_CUDA_RETURN_IF_ERROR(expr) \
  HP_RETURN_IF_ERROR(::halfpipe::CudaStatus((expr), #expr))

#endif  // HP_STAGE_GPU_CUDA_ERRORS_H_
