// How a job's end becomes the command's exit code.
#ifndef HP_CLIENT_JOBS_EXIT_CODES_H_
#define HP_CLIENT_JOBS_EXIT_CODES_H_

#include "common/base/status.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// For a job that has ended: kOk, kCancelled, and for a failed one
// kInvalidInput when its config, data or model was at fault, else kJobFailed.
// Differs from ExitCodeFor on purpose: "unavailable" as the reason of a failed
// job means that its stages kept dying, not that the service is unreachable.
[[nodiscard]] ExitCode ExitCodeForEndedJob(const Job& job);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_EXIT_CODES_H_
