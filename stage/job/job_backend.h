// What stage0 and stage1 do with the coordinator's commands. Free of libtorch.
#ifndef HP_STAGE_JOB_JOB_BACKEND_H_
#define HP_STAGE_JOB_JOB_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "stage/runtime/link_factory.h"
#include "stage/runtime/stage_backend.h"

namespace halfpipe {

struct JobBackendOptions {
  Rank rank;
  std::string device = "auto";   // auto | cpu | cuda | cuda:N
  std::string decoder_program;   // the path of halfpipe-decode
  LinkFactory* links = nullptr;  // outlives the backend
};

// A backend and what its process says of itself (device, GPU, memory); the
// caller fills in pair, incarnation, pid, host and version.
struct JobStage {
  std::unique_ptr<StageBackend> backend;
  StageInfo info;
};

// FailedPrecondition when the device is not there.
[[nodiscard]] absl::StatusOr<JobStage> CreateJobStage(
    const JobBackendOptions& options);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_JOB_BACKEND_H_
