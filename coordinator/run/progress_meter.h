// Figures that people watch: smoothed loss, seconds a step, time left.
#ifndef HP_COORDINATOR_RUN_PROGRESS_METER_H_
#define HP_COORDINATOR_RUN_PROGRESS_METER_H_

#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"

namespace halfpipe {

// Not thread-safe.
class ProgressMeter {
 public:
  // A step ended at `now` with this loss; the stages say that it took
  // `stage_seconds`. Steps that follow one another are timed by the clock, so
  // that control traffic counts; after a gap (Pause) the stages' word is taken.
  // A loss that is not finite is none.
  void OnStep(absl::Time now, double loss, double stage_seconds);

  // The time until the next step is no step's: a save, a restart.
  void Pause() { last_step_.reset(); }

  // Exponential average with weight 0.98 on the past, without the bias
  // towards its start: divided by 1 - 0.98^n.
  [[nodiscard]] double smoothed_loss() const;
  // Of the last step; 0 before the first one.
  [[nodiscard]] double step_seconds() const;
  // Median of the last 32 steps' seconds times the steps that are left.
  [[nodiscard]] double EtaSeconds(int64_t steps_left) const;

 private:
  std::optional<absl::Time> last_step_;
  std::deque<double> step_seconds_;
  double average_ = 0.0;
  double weight_ = 0.0;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_PROGRESS_METER_H_
