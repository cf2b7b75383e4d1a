#include "coordinator/run/restart_policy.h"

#include <algorithm>

#include "common/base/failure.h"

namespace halfpipe {

bool IsWorthRestart(const absl::Status& status) {
  return DescribeFailure(status).remedy == Remedy::kFormAgain;
}

void RestartPolicy::OnProgress(int64_t mark) {
  if (mark <= best_mark_) return;
  best_mark_ = mark;
  fruitless_ = 0;
}

std::optional<absl::Duration> RestartPolicy::NextDelay() {
  if (fruitless_ >= limit_) return std::nullopt;
  ++fruitless_;
  if (fruitless_ == 1) return absl::ZeroDuration();
  const int32_t doublings = std::min(fruitless_ - 2, 5);
  return std::min(absl::Seconds(30), absl::Seconds(int64_t{1} << doublings));
}

}  // namespace halfpipe
