// Figures that people watch: smoothed loss, seconds a step, time left.
#ifndef HP_COORDINATOR_RUN_PROGRESS_METER_H_
#define HP_COORDINATOR_RUN_PROGRESS_METER_H_

#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"
#include "common/base/exponential_mean.h"

namespace halfpipe {

// Not thread-safe.
class ProgressMeter {
 public:
  // The stages have just loaded the job, or formed their pair again: the next
  // step is the first one of a start, and warms up. What was measured of
  // earlier ones stays.
  void OnStart();

  // A step ended at `now` with this loss; the stages say that it took
  // `stage_seconds`. Steps that follow one another are timed by the clock, so
  // that control traffic counts; after a gap (Pause) the stages' word is taken.
  // A loss that is not finite is none.
  void OnStep(absl::Time now, double loss, double stage_seconds);

  // The time until the next step is no step's: a save, a restart.
  void Pause() { last_step_.reset(); }

  // Exponential average with weight 0.98 on the past, without the bias
  // towards its start (common/base/exponential_mean.h).
  [[nodiscard]] const MeanState& loss_average() const { return loss_.state(); }

  // Goes on from what a checkpoint or a record says.
  void set_loss_average(const MeanState& average) { loss_.set_state(average); }

  [[nodiscard]] double smoothed_loss() const { return loss_.state().value; }

  // Of the last step; 0 before the first one.
  [[nodiscard]] double step_seconds() const { return seconds_; }

  // Whether the last step was the first one of a start.
  [[nodiscard]] bool was_first() const { return was_first_; }

  // Median of the last 32 steps' seconds, without the first one of each start,
  // times the steps that are left. Until there is another, that one's.
  [[nodiscard]] double EtaSeconds(int64_t steps_left) const;

 private:
  static constexpr double kKeep = 0.98;

  std::optional<absl::Time> last_step_;
  std::deque<double> window_;  // seconds
  double seconds_ = 0.0;
  bool is_first_ = true;  // the next one
  bool was_first_ = false;
  ExponentialMean loss_{kKeep};
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_PROGRESS_METER_H_
