#include "client/jobs/exit_codes.h"

namespace halfpipe {

ExitCode ExitCodeForEndedJob(const Job& job) {
  switch (job.state) {
    case JobState::kDone:
      return ExitCode::kOk;
    case JobState::kCancelled:
      return ExitCode::kCancelled;
    default:
      break;
  }
  switch (job.error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:  // of other weights or data
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:  // of a file the job names
      return ExitCode::kInvalidInput;
    default:
      return ExitCode::kJobFailed;
  }
}

}  // namespace halfpipe
