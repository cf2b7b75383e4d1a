// From what a client sends to a job.
#ifndef HP_COORDINATOR_STORE_JOB_REQUEST_H_
#define HP_COORDINATOR_STORE_JOB_REQUEST_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// The limits on ids and labels, which end up in metrics and folders: an id is
// empty or up to 64 of [A-Za-z0-9._-]; at most 32 labels of up to 256 bytes, a
// pair's name of as many, and nothing in them that a terminal would obey. A
// priority is from -1000 to 1000, a job is tried again at most 100 times, after
// a pause of at most a day. InvalidArgument says which is broken.
[[nodiscard]] absl::Status CheckJobSpec(const JobSpec& spec);

// A job file that has been read, and the queued job that is made of it.
struct Submission {
  JobConfig config;  // paths absolute, defaults filled in
  Job job;           // holds the config as text
};

// Reads the job file of a spec. An empty id becomes the job's name,
// made fit for an id, and a random number.
// InvalidArgument: every problem of the job file, one a line; or its name is
// longer than 256 bytes.
[[nodiscard]] absl::StatusOr<Submission> ReadSubmission(const JobSpec& spec,
                                                        absl::Time now);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_JOB_REQUEST_H_
