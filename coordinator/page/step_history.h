// A job's curves over its steps, close to all of them, and few of any part.
#ifndef HP_COORDINATOR_PAGE_STEP_HISTORY_H_
#define HP_COORDINATOR_PAGE_STEP_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/jobs/job_types.h"

namespace halfpipe {

// One step, or some that follow each other.
struct StepPoint {
  int64_t steps_done = 0;  // of the last step in it
  int32_t steps = 0;       // in it
  float loss = 0.0F;       // mean
  float least_loss = 0.0F;
  float most_loss = 0.0F;
  float smoothed = 0.0F;       // as of the last one
  float grad_norm = 0.0F;      // the largest
  float learning_rate = 0.0F;  // of the last one

  friend bool operator==(const StepPoint&, const StepPoint&) = default;
};

// Holds every step of a job of up to kPoints; of a longer one, neighbours
// become one. Neither the least nor the largest loss of any part is lost by
// that. Steps that a job does again take the place of what they were; a loss
// that is not finite is left out. Not thread-safe.
class StepHistory {
 public:
  static constexpr size_t kPoints = size_t{1} << 17;

  explicit StepHistory(size_t points = kPoints) : most_points_(points) {}

  void Add(const StepProgress& step);

  // Those of the steps `from` to `to`, both included, as at most `most` points.
  [[nodiscard]] std::vector<StepPoint> Between(int64_t from, int64_t to,
                                               size_t most) const;

 private:
  void Halve();

  size_t most_points_;
  int32_t steps_a_point_ = 1;
  std::vector<StepPoint> points_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_STEP_HISTORY_H_
