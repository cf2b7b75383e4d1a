#include "stage/gpu/cuda_errors.h"

#include <string>

#include "common/jobs/failure_notes.h"

namespace halfpipe {
namespace {

// Errors that the program did not make: the device is lost, or what ran on it
// broke it. A wrong argument is none of them.
bool LosesTheDevice(cudaError_t error) {
  switch (error) {
    case cudaErrorContained:
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorExternalDevice:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorMisalignedAddress:
    case cudaErrorMpsConnectionFailed:
    case cudaErrorNoDevice:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorSystemNotReady:
    case cudaErrorTimeout:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

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
  absl::Status status = absl::InternalError(message);
  if (LosesTheDevice(error)) MarkDeviceFault(&status);
  return status;
}

}  // namespace halfpipe
