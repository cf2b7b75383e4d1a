#include "coordinator/run/next_save.h"

#include <algorithm>
#include <cmath>

namespace halfpipe {

NextSave PredictSave(const SaveInterval& every, int64_t steps_done,
                     int64_t steps_total, absl::Duration since_last,
                     double step_seconds) {
  int64_t step = steps_total;
  if (every.steps > 0) {
    step = (steps_done / every.steps + 1) * every.steps;
  } else if (every.seconds > 0 && step_seconds > 0) {
    const double left = std::max(0.0, static_cast<double>(every.seconds) -
                                          absl::ToDoubleSeconds(since_last));
    // A save waits for the end of the step that its time falls into. The
    // bound keeps the sum an integer where steps take next to no time.
    const double steps = std::min(std::ceil(left / step_seconds), 1e15);
    step = steps_done + std::max<int64_t>(1, static_cast<int64_t>(steps));
  }
  step = std::min(step, steps_total);
  return {step, step_seconds * static_cast<double>(step - steps_done)};
}

}  // namespace halfpipe
