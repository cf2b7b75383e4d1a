// What the last steps of jobs were made of, in memory.
#ifndef HP_COORDINATOR_SCHEDULE_TRACE_BOOK_H_
#define HP_COORDINATOR_SCHEDULE_TRACE_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "common/jobs/job_types.h"
#include "common/jobs/step_plan.h"
#include "coordinator/schedule/coordinator_metrics.h"

namespace halfpipe {

// Of the jobs that stepped last, each one's last steps: some MiB at most,
// whatever runs. Nothing is written down: a picture is of now. Not thread-safe.
class TraceBook {
 public:
  static constexpr size_t kJobs = 32;
  static constexpr size_t kSteps = 8;
  // Of one job, over all of its steps: long steps are few.
  static constexpr size_t kActions = 20'000;

  void Add(const std::string& job, StepTrace trace);

  // No effect for a job that has none here.
  void Forget(const std::string& job);

  // The last `steps` steps, oldest first; 0: all that are here.
  [[nodiscard]] std::vector<StepTrace> Last(const std::string& job,
                                            int32_t steps) const;

 private:
  struct Entry {
    std::string job;
    std::deque<StepTrace> steps;
  };

  std::deque<Entry> entries_;  // the one that stepped last is the last
};

// `reports` by rank, of the step that made `steps_done` of them, and what
// StageTimesOf says of them.
[[nodiscard]] StepTrace TraceOf(int64_t steps_done, absl::Time time,
                                const std::vector<StepReport>& reports,
                                const std::vector<StageTimes>& times);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_TRACE_BOOK_H_
