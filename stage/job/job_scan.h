// The first act of every job, and all of `check --quick`: opens each file that
// the job will open, reads headers and metadata, and says everything that is
// wrong with them at once. What passes here is not refused for its form later,
// because encoding and loading open the same files by the same functions.
#ifndef HP_STAGE_JOB_JOB_SCAN_H_
#define HP_STAGE_JOB_JOB_SCAN_H_

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/stage_progress.h"
#include "common/jobs/stage_protocol.h"
#include "stage/job/media_reading.h"

namespace halfpipe {

// Looks at the DiT, the LoRA to start from, the encoders, the data set and its
// captions. No weights are loaded, nothing is encoded, and of media no more is
// decoded than `probe` takes to know what they are; where
// something is wrong, nothing is hashed either. `on_progress` is told what it
// is at, from the calling thread.
//
// One problem keeps its code; several are InvalidArgument, a line each, which
// begins with the key or with the file.
[[nodiscard]] absl::StatusOr<ScanResult> ScanJob(
    const JobConfig& config, const ProgressCallback& on_progress,
    const MediaProbe& probe = {});

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_JOB_SCAN_H_
