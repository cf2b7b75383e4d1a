// What is asked of the jobs.
#ifndef HP_COORDINATOR_SCHEDULE_JOB_READER_H_
#define HP_COORDINATOR_SCHEDULE_JOB_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/schedule/job_placement.h"
#include "coordinator/schedule/job_writes.h"
#include "coordinator/schedule/live_jobs.h"
#include "coordinator/store/job_store.h"

namespace halfpipe {

// Answers from memory where a job is there, and else from the disk. What it
// changes is which jobs are in memory. Not thread-safe; reads no clock.
class JobReader {
 public:
  // All of them outlive it.
  JobReader(JobStore* store, LiveJobs* jobs, JobWrites* writes)
      : store_(store), jobs_(jobs), writes_(writes) {}

  // Whether a job of this id is there, or on its way there, from this spec.
  // AlreadyExists: from another one.
  [[nodiscard]] absl::StatusOr<bool> Knows(const std::string& id,
                                           const JobSpec& spec) const;
  // Without its config. One whose row cannot be read is a failed job. NotFound.
  [[nodiscard]] absl::StatusOr<Job> Get(const std::string& id) const;
  // The same with its config.
  [[nodiscard]] absl::StatusOr<Job> GetWhole(const std::string& id) const;
  [[nodiscard]] absl::StatusOr<JobPage> List(const JobQuery& query) const;

  // What a runner needs. NotFound. DataLoss: its row or config cannot be read.
  [[nodiscard]] absl::StatusOr<JobPlan> Plan(const std::string& id);
  // What a live job asks of a pair of stages; read from its config once. The
  // pointer lives until the next change. Plan's codes.
  [[nodiscard]] absl::StatusOr<const JobNeeds*> Needs(const std::string& id);
  // Whether Needs reads nothing from the disk.
  [[nodiscard]] bool KnowsNeeds(const std::string& id) const;
  // A live job that is to be retried does not start before. NotFound.
  [[nodiscard]] absl::StatusOr<absl::Time> NotBefore(const std::string& id);

  // Events after the cursor that are on the disk. NotFound; OutOfRange: the
  // job has not come to that cursor.
  [[nodiscard]] absl::StatusOr<std::vector<JobEvent>> Events(
      const std::string& id, int64_t after_cursor, int64_t limit);

 private:
  // The config of a job in memory. DataLoss: its row cannot be read.
  [[nodiscard]] absl::StatusOr<std::string> ConfigOf(const LiveJob& live) const;
  // Needs', with what else is known of a queued job.
  [[nodiscard]] absl::StatusOr<const QueuedNeeds*> QueuedNeedsOf(
      const std::string& id);

  JobStore* const store_;
  LiveJobs* const jobs_;
  JobWrites* const writes_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_JOB_READER_H_
