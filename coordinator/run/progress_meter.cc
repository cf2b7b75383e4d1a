#include "coordinator/run/progress_meter.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace halfpipe {

void ProgressMeter::OnStart() {
  Pause();
  is_first_ = true;
}

void ProgressMeter::OnStep(absl::Time now, double loss, double stage_seconds) {
  constexpr size_t kWindow = 32;
  seconds_ = last_step_.has_value() ? absl::ToDoubleSeconds(now - *last_step_)
                                    : stage_seconds;
  last_step_ = now;
  was_first_ = is_first_;
  is_first_ = false;
  if (!was_first_) window_.push_back(seconds_);
  if (window_.size() > kWindow) window_.pop_front();
  loss_.Add(loss);
}

double ProgressMeter::EtaSeconds(int64_t steps_left) const {
  if (window_.empty()) return seconds_ * static_cast<double>(steps_left);
  std::vector<double> sorted(window_.begin(), window_.end());
  auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle * static_cast<double>(steps_left);
}

}  // namespace halfpipe
