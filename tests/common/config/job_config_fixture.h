// A job file that is right, and edits of it.
#ifndef HP_TESTS_COMMON_CONFIG_JOB_CONFIG_FIXTURE_H_
#define HP_TESTS_COMMON_CONFIG_JOB_CONFIG_FIXTURE_H_

#include <string>

#include "absl/strings/str_replace.h"
#include "common/config/job_config.h"
#include "gtest/gtest.h"

namespace halfpipe {

// Line numbers matter to the tests of messages.
inline constexpr char kGoodJob[] = R"(name: my-character
model:
  variant: auto
  dit: /models/high_noise_model
  text_encoder: /models/umt5.pth
  tokenizer: /models/google/umt5-xxl
  vae: /models/Wan2.1_VAE.pth
  weights: bf16
lora: {rank: 32, alpha: 16, targets: [q, k, v, o, ffn.0, ffn.2]}
data: {path: /data/clips, metadata: metadata.csv, height: 480, width: 832,
       frames: 49, repeat: 100}
train:
  steps: 2000
  micro_batches: 8
  optimizer: {type: adamw, learning_rate: 1.0e-4, weight_decay: 0.01}
  timesteps: {min_boundary: 0.0, max_boundary: 0.358, shift: 5.0}
  seed: 7
pipeline: {split_at: auto, schedule: 1f1b, memory: auto}
output: {dir: /out/x, save_every: 30min, keep: 3, formats: [diffsynth, comfyui]}
)";

// kGoodJob with one text replaced by another.
inline std::string JobWith(absl::string_view from, absl::string_view to) {
  std::string edited = kGoodJob;
  EXPECT_EQ(absl::StrReplaceAll({{from, to}}, &edited), 1) << from;
  return edited;
}

// The message of a job file that must be refused; "" if it was taken.
inline std::string ErrorOf(absl::string_view yaml) {
  absl::StatusOr<JobConfig> config = ParseJobConfig(yaml, "job.yaml");
  if (config.ok()) return "";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_CONFIG_JOB_CONFIG_FIXTURE_H_
