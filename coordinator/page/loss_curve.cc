#include "coordinator/page/loss_curve.h"

#include <cmath>

namespace halfpipe {

void LossCurve::Add(const StepProgress& step) {
  if (!std::isfinite(step.loss)) return;
  while (!points_.empty() && points_.back().steps_done >= step.steps_done) {
    points_.pop_back();
    sums_.pop_back();
  }
  if (points_.empty() || sums_.back().count >= steps_a_point_) {
    if (points_.size() == kPoints) Halve();
    points_.emplace_back();
    sums_.emplace_back();
  }
  Sum& sum = sums_.back();
  sum.loss += step.loss;
  ++sum.count;
  points_.back() = {step.steps_done, sum.loss / static_cast<double>(sum.count),
                    step.smoothed_loss};
}

void LossCurve::Halve() {
  for (size_t i = 0; i + 1 < points_.size(); i += 2) {
    const Sum sum{sums_[i].loss + sums_[i + 1].loss,
                  sums_[i].count + sums_[i + 1].count};
    points_[i / 2] = points_[i + 1];
    points_[i / 2].loss = sum.loss / static_cast<double>(sum.count);
    sums_[i / 2] = sum;
  }
  points_.resize(points_.size() / 2);
  sums_.resize(points_.size());
  steps_a_point_ *= 2;
}

}  // namespace halfpipe
