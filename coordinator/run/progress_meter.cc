#include "coordinator/run/progress_meter.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace halfpipe {

void ProgressMeter::OnStep(absl::Time now, double loss, double stage_seconds) {
  constexpr double kKeep = 0.98;
  constexpr size_t kWindow = 32;
  step_seconds_.push_back(last_step_.has_value()
                              ? absl::ToDoubleSeconds(now - *last_step_)
                              : stage_seconds);
  if (step_seconds_.size() > kWindow) step_seconds_.pop_front();
  last_step_ = now;
  // A skipped step has none.
  if (!std::isfinite(loss)) return;
  average_ = kKeep * average_ + (1.0 - kKeep) * loss;
  weight_ = kKeep * weight_ + (1.0 - kKeep);
}

double ProgressMeter::smoothed_loss() const {
  return weight_ == 0.0 ? 0.0 : average_ / weight_;
}

double ProgressMeter::step_seconds() const {
  return step_seconds_.empty() ? 0.0 : step_seconds_.back();
}

double ProgressMeter::EtaSeconds(int64_t steps_left) const {
  if (step_seconds_.empty()) return 0.0;
  std::vector<double> sorted(step_seconds_.begin(), step_seconds_.end());
  auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle * static_cast<double>(steps_left);
}

}  // namespace halfpipe
