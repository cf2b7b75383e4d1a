// Whether the LoRA files of a job that is done are still that job's.
#ifndef HP_CLIENT_LORA_FINISHED_LORA_H_
#define HP_CLIENT_LORA_FINISHED_LORA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// Compares every file of `job.exports` with the digest in the manifest of the
// job's last checkpoint, which holds a copy of it. A file that is missing or
// damaged is taken from there again; the paths of those come back. Where that
// checkpoint is gone (deleted, or replaced by another job's), the file's own
// metadata decides.
// FailedPrecondition names the file that is another LoRA, which is never
// overwritten, or that cannot be restored, and what is wrong with it; else the
// codes of CopyFileAtomically.
// Blocks for as long as reading the files takes.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> RestoreFinishedLora(
    const Job& job);

}  // namespace halfpipe

#endif  // HP_CLIENT_LORA_FINISHED_LORA_H_
