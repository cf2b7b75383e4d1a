// NCCL errors as statuses.
#ifndef HP_STAGE_LINK_NCCL_ERRORS_H_
#define HP_STAGE_LINK_NCCL_ERRORS_H_

#include <nccl.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/failure.h"

namespace halfpipe {

// ncclInProgress is no error: the communicator is non-blocking and its owner
// polls. A fault of CUDA is Internal and sticks to the process; whatever else
// goes wrong only ends this communicator: Aborted. Of the kind kNccl.
[[nodiscard]] inline absl::Status NcclStatus(ncclResult_t result,
                                             absl::string_view expression,
                                             ncclComm_t comm) {
  if (result == ncclSuccess || result == ncclInProgress) {
    return absl::OkStatus();
  }
  const std::string message =
      absl::StrCat(expression, ": ", ncclGetErrorString(result), "; ",
                   ncclGetLastError(comm));
  absl::Status status = result == ncclUnhandledCudaError
                            ? absl::InternalError(message)
                            : absl::AbortedError(message);
  MarkFailure(FailureKind::kNccl, &status);
  return status;
}

}  // namespace halfpipe

// Returns from the enclosing function when an NCCL call failed.
#define HP_NCCL_RETURN_IF_ERROR(expr, comm) \
  HP_RETURN_IF_ERROR(::halfpipe::NcclStatus((expr), #expr, (comm)))

#endif  // HP_STAGE_LINK_NCCL_ERRORS_H_
