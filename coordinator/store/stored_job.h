// A job as the store has it.
#ifndef HP_COORDINATOR_STORE_STORED_JOB_H_
#define HP_COORDINATOR_STORE_STORED_JOB_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "common/jobs/job_types.h"

namespace halfpipe {

// A job and what its creator asked for besides (the config in `job` is the
// resolved one; of the file as it was sent only a digest is kept).
struct StoredJob {
  int64_t number = 0;  // rises with every job of this store
  Job job;
  JobSpec spec;              // without config_yaml
  std::string request = {};  // DigestOf the whole spec
  int64_t bytes = 0;         // BytesOf it
  // Its row cannot be read: `job` is what is known of it, a failed job with the
  // reason as its error.
  bool is_damaged = false;
};

// A job that waits, as the queue knows it.
struct QueuedJob {
  int64_t number = 0;
  std::string id;
  int64_t priority = 0;
  int64_t bytes = 0;
};

// What a job counts for in limits.queued_bytes: its file as it was sent, or
// what that says where it is longer.
inline int64_t BytesOf(const Job& job, const JobSpec& spec) {
  return static_cast<int64_t>(
      std::max(job.config_yaml.size(), spec.config_yaml.size()));
}

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORED_JOB_H_
