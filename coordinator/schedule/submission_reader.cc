#include "coordinator/schedule/submission_reader.h"

#include "common/base/status.h"
#include "coordinator/schedule/path_roots.h"

namespace halfpipe {

absl::StatusOr<Submission> SubmissionReader::Read(const JobSpec& spec,
                                                  absl::Time wall) {
  HP_RETURN_IF_ERROR(CheckJobSpec(spec));
  absl::StatusOr<Submission> read;
  {
    absl::MutexLock turn(&reading_);
    read = ReadSubmission(spec, wall);
  }
  HP_RETURN_IF_ERROR(read.status());
  HP_RETURN_IF_ERROR(CheckPaths(roots_, read->config, spec.record_dir));
  return read;
}

}  // namespace halfpipe
