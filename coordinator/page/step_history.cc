#include "coordinator/page/step_history.h"

#include <algorithm>
#include <cmath>

namespace halfpipe {
namespace {

StepPoint PointOf(const StepProgress& step) {
  const auto loss = static_cast<float>(step.loss);
  return {.steps_done = step.steps_done,
          .steps = 1,
          .loss = loss,
          .least_loss = loss,
          .most_loss = loss,
          .smoothed = static_cast<float>(step.smoothed_loss),
          .grad_norm = static_cast<float>(step.grad_norm),
          .learning_rate = static_cast<float>(step.learning_rate)};
}

// `next` follows `point`.
void Join(const StepPoint& next, StepPoint* point) {
  const int32_t steps = point->steps + next.steps;
  const double sum = static_cast<double>(point->loss) * point->steps +
                     static_cast<double>(next.loss) * next.steps;
  point->loss = static_cast<float>(sum / steps);
  point->steps = steps;
  point->steps_done = next.steps_done;
  point->least_loss = std::min(point->least_loss, next.least_loss);
  point->most_loss = std::max(point->most_loss, next.most_loss);
  point->smoothed = next.smoothed;
  // A norm that is none is not hidden behind one that is.
  if (!(next.grad_norm <= point->grad_norm)) point->grad_norm = next.grad_norm;
  point->learning_rate = next.learning_rate;
}

bool IsBefore(const StepPoint& point, int64_t steps_done) {
  return point.steps_done < steps_done;
}

}  // namespace

void StepHistory::Add(const StepProgress& step) {
  if (!std::isfinite(step.loss)) return;
  while (!points_.empty() && points_.back().steps_done >= step.steps_done) {
    points_.pop_back();
  }
  if (!points_.empty() && points_.back().steps < steps_a_point_) {
    Join(PointOf(step), &points_.back());
    return;
  }
  if (points_.size() == most_points_) Halve();
  points_.push_back(PointOf(step));
}

void StepHistory::Halve() {
  size_t kept = 0;
  for (size_t i = 0; i < points_.size(); i += 2) {
    points_[kept] = points_[i];
    if (i + 1 < points_.size()) Join(points_[i + 1], &points_[kept]);
    ++kept;
  }
  points_.resize(kept);
  steps_a_point_ *= 2;
}

std::vector<StepPoint> StepHistory::Between(int64_t from, int64_t to,
                                            size_t most) const {
  const auto first =
      std::lower_bound(points_.begin(), points_.end(), from, IsBefore);
  // The point that holds `to` is in it whole.
  auto last = std::lower_bound(first, points_.end(), to, IsBefore);
  if (last != points_.end()) ++last;
  const auto count = static_cast<size_t>(last - first);
  if (count == 0 || most == 0) return {};
  const size_t together = (count + most - 1) / most;
  std::vector<StepPoint> some;
  some.reserve(count / together + 1);
  for (size_t i = 0; i < count; ++i) {
    const StepPoint& point = *(first + static_cast<ptrdiff_t>(i));
    if (i % together == 0) {
      some.push_back(point);
    } else {
      Join(point, &some.back());
    }
  }
  return some;
}

}  // namespace halfpipe
