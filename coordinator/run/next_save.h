// When people may expect a running job's next checkpoint.
#ifndef HP_COORDINATOR_RUN_NEXT_SAVE_H_
#define HP_COORDINATOR_RUN_NEXT_SAVE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "common/config/job_config.h"

namespace halfpipe {

struct NextSave {
  int64_t step = 0;      // the checkpoint will hold so many
  double seconds = 0.0;  // until its save begins
};

// After step `steps_done` of `steps_total`, `since_last` after the last save or
// the start, with steps that take `step_seconds` (0: not known yet, and then
// neither is the time). The last step is always saved.
[[nodiscard]] NextSave PredictSave(const SaveInterval& every,
                                   int64_t steps_done, int64_t steps_total,
                                   absl::Duration since_last,
                                   double step_seconds);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_NEXT_SAVE_H_
