// The learning rate of each step.
#ifndef HP_COORDINATOR_RUN_LR_SCHEDULE_H_
#define HP_COORDINATOR_RUN_LR_SCHEDULE_H_

#include <cstdint>

#include "common/config/job_config.h"

namespace halfpipe {

// The rate of optimizer step `step` (from 0) of train.steps, a pure function,
// so that a resumed job gets the rates of an undisturbed one. With W warm-up
// steps, T steps in all, p = (step - W) / (T - W) and m = min_ratio:
//   warm-up   rate * step / W                      (step < W)
//   constant  rate
//   linear    rate * (m + (1 - m) * (1 - p))
//   cosine    rate * (m + (1 - m) * (1 + cos(pi p)) / 2)
// Warm-up, linear and cosine are the formulas of transformers' and diffusers'
// get_scheduler, which have m = 0.
[[nodiscard]] double LearningRateAt(const TrainConfig& train, int64_t step);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_LR_SCHEDULE_H_
