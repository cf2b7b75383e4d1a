// Reads what is submitted.
#ifndef HP_COORDINATOR_SCHEDULE_SUBMISSION_READER_H_
#define HP_COORDINATOR_SCHEDULE_SUBMISSION_READER_H_

#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/config/service_config.h"
#include "common/jobs/job_types.h"
#include "coordinator/store/job_request.h"

namespace halfpipe {

// Takes longer than all else that a new job needs, and nothing of the
// coordinator's. Thread-safe: blocks while another submission is read. Side by
// side on few cores, the hundreds that come after an outage would all be ready
// when the last one is.
class SubmissionReader {
 public:
  explicit SubmissionReader(PathRootsConfig roots) : roots_(std::move(roots)) {}

  // InvalidArgument: CheckJobSpec's, ReadSubmission's or CheckPaths'.
  [[nodiscard]] absl::StatusOr<Submission> Read(const JobSpec& spec,
                                                absl::Time wall);

 private:
  const PathRootsConfig roots_;
  absl::Mutex reading_;  // guards nothing: a turn
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_SUBMISSION_READER_H_
