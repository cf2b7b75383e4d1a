// All that `halfpipe demo` trains on: a model, clips and a job file.
#ifndef HP_CLIENT_DEMO_DEMO_FOLDER_H_
#define HP_CLIENT_DEMO_DEMO_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// Writes model/, clips/ and job.yaml into `folder`, which is made, and returns
// the job file's path. A folder that an earlier call has filled gets the same
// bytes again; its output/ is not touched. FailedPrecondition for any other
// folder with something in it; else the codes of AtomicFile.
[[nodiscard]] absl::StatusOr<std::string> WriteDemoFolder(
    const std::string& folder);

}  // namespace halfpipe

#endif  // HP_CLIENT_DEMO_DEMO_FOLDER_H_
