// A job's files, of which the page offers the LoRAs.
#ifndef HP_COORDINATOR_PAGE_JOB_FILES_H_
#define HP_COORDINATOR_PAGE_JOB_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

struct OfferedFile {
  std::string name;  // beneath the output folder
  int64_t bytes = 0;
  int64_t changed_ns = 0;  // since the epoch
};

// What lies in one folder of a job.
struct OfferedFolder {
  std::string path;
  int64_t steps_done = 0;
  std::vector<OfferedFile> files;
};

// The LoRAs (lora.*.safetensors) in the output folder, as the first folder, and
// in the folders of the checkpoints. Only what can be opened beneath
// `output_dir` without following a link and is a regular file; what cannot has
// its path here all the same, without files.
[[nodiscard]] std::vector<OfferedFolder> OfferFiles(
    const Job& job, const std::string& output_dir);

// At most `most` bytes of such a file, from `offset` on. NotFound: it is none
// that is offered, or has gone. Aborted: it is not the one that was changed
// then. OutOfRange: it ends before.
[[nodiscard]] absl::StatusOr<std::string> ReadOfferedFile(
    const std::string& output_dir, const OfferedFile& file, int64_t offset,
    size_t most);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_JOB_FILES_H_
