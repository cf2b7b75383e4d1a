// Tells a job that gets on from one that does the same again and again.
#ifndef HP_CLIENT_LOCAL_JOB_ADVANCE_H_
#define HP_CLIENT_LOCAL_JOB_ADVANCE_H_

#include <cstdint>

#include "common/jobs/job_types.h"

namespace halfpipe {

// What a job had reached when its processes died, it reaches again without any
// progress; only further than that is. Not thread-safe.
class JobAdvance {
 public:
  // `steps_done`: the optimizer steps that the job has done already.
  explicit JobAdvance(int64_t steps_done) : furthest_(steps_done) {}

  // Call it with every event of the job. True: a checkpoint was committed, or
  // more optimizer steps are done than ever before.
  [[nodiscard]] bool See(const JobEvent& event);

 private:
  int64_t furthest_;
};

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_JOB_ADVANCE_H_
