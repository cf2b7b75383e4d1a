// A job's loss over its steps, few enough points to draw.
#ifndef HP_COORDINATOR_PAGE_LOSS_CURVE_H_
#define HP_COORDINATOR_PAGE_LOSS_CURVE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/jobs/job_types.h"

namespace halfpipe {

struct LossPoint {
  int64_t steps_done = 0;  // of the last step in it
  double loss = 0.0;       // mean of its steps
  double smoothed = 0.0;   // as of the last one

  friend bool operator==(const LossPoint&, const LossPoint&) = default;
};

// Takes every step in order and holds at most kPoints: when there are more,
// neighbours become one. Steps that a job does again, from a checkpoint, take
// the place of what they were. A loss that is not finite is left out. Not
// thread-safe.
class LossCurve {
 public:
  static constexpr size_t kPoints = 600;

  void Add(const StepProgress& step);

  [[nodiscard]] const std::vector<LossPoint>& points() const { return points_; }

 private:
  struct Sum {
    double loss = 0.0;
    int64_t count = 0;
  };

  void Halve();

  int64_t steps_a_point_ = 1;
  std::vector<LossPoint> points_;
  std::vector<Sum> sums_;  // of each point's steps
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_LOSS_CURVE_H_
