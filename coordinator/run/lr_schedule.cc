#include "coordinator/run/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace halfpipe {

double LearningRateAt(const TrainConfig& train, int64_t step) {
  const LrScheduleConfig& schedule = train.lr_schedule;
  const double rate = train.optimizer.learning_rate;
  const int64_t warmup = schedule.warmup_steps;
  if (step < warmup) {
    return rate * static_cast<double>(step) / static_cast<double>(warmup);
  }
  const auto span =
      static_cast<double>(std::max<int64_t>(1, train.steps - warmup));
  const double progress =
      std::min(1.0, static_cast<double>(step - warmup) / span);
  double factor = 1.0;
  switch (schedule.type) {
    case LrScheduleType::kConstant:
      return rate;
    case LrScheduleType::kLinear:
      factor = 1.0 - progress;
      break;
    case LrScheduleType::kCosine:
      factor = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
      break;
  }
  return rate * (schedule.min_ratio + (1.0 - schedule.min_ratio) * factor);
}

}  // namespace halfpipe
