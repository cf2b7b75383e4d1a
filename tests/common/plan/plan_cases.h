// The case that the design's figures are for: Wan2.2-I2V-A14B at 480x832x49,
// LoRA of rank 32. Useful for: tests of the planner and of what it prints.
#ifndef HP_TESTS_COMMON_PLAN_PLAN_CASES_H_
#define HP_TESTS_COMMON_PLAN_PLAN_CASES_H_

#include <cstdint>

#include "common/plan/planner.h"

namespace halfpipe {

inline constexpr int64_t kGiB = int64_t{1} << 30;
inline constexpr int64_t kLoraParametersOfBlock = 3'833'856;

inline BlockWork A14bBlock() {
  return {.model = {.dim = 5120, .ffn_dim = 13824, .heads = 40},
          .tokens = 20280,
          .lora_rank = 32,
          .lora_parameters = kLoraParametersOfBlock};
}

// M = 8 on two H200s that are all the process's own; the host has plenty.
inline PlanRequest A14bRequest() {
  PlanRequest request;
  request.model = {.dim = 5120,
                   .ffn_dim = 13824,
                   .heads = 40,
                   .layers = 40,
                   .text_dim = 4096,
                   .in_channels = 36,
                   .out_channels = 16};
  request.clip = {.latent_frames = 13, .tokens_per_frame = 30 * 52};
  request.lora_parameters = 40 * kLoraParametersOfBlock;
  request.schedule.microbatches = 8;
  request.devices = {MeasuredH200(), MeasuredH200()};
  request.host_memory_bytes = {1024 * kGiB};
  return request;
}

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_PLAN_PLAN_CASES_H_
