// What the coordinator says about one optimizer step, and what comes back.
#ifndef HP_COMMON_JOBS_STEP_PLAN_H_
#define HP_COMMON_JOBS_STEP_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/jobs/device_memory_use.h"
#include "common/pipeline/action.h"

namespace halfpipe {

// What a step draws for a micro-batch and an evaluation fixes, so that two
// evaluations differ by the weights alone.
struct FixedDraw {
  std::string noise_name;  // keys the noise, together with validation.seed
  double place = 0.0;      // in the trained part of the timesteps, [0, 1)

  friend bool operator==(const FixedDraw&, const FixedDraw&) = default;
};

// One micro-batch: which sample, and the position that keys its random streams
// together with the job's seed. References travel, tensors do not.
struct MicrobatchPlan {
  std::string latents_path;             // cache file of the sample's latents
  std::string context_path;             // cache file of its text embedding
  int64_t data_position = 0;            // index in the infinite sampling order
  std::optional<FixedDraw> fixed = {};  // in an evaluation, and only there
};

// One optimizer step. (epoch, step) names it, so that a repeated delivery
// does no harm. The action lists were sent when the job started; the plan
// names them by hash.
struct StepPlan {
  Epoch epoch;
  Step step;
  std::string schedule_hash;
  double learning_rate = 0.0;
  std::vector<MicrobatchPlan> microbatches;
  std::string record_dir;  // empty, or where `run --record` wants its files
  // Forwards on held-out samples, with the weights as they are behind `step`
  // optimizer steps. It changes nothing; schedule_hash names the evaluation's
  // lists.
  bool evaluation = false;
  // The most that each stage's device has held so far (StepReport), by rank:
  // for the curves that stage 0 writes, and nothing else. Empty: not known yet.
  std::vector<int64_t> peak_bytes = {};
};

// What one stage measured in one step. Loss is known to the rank that holds
// the head; it is empty elsewhere.
struct StepReport {
  Epoch epoch;
  Step step;
  std::vector<double> losses;     // weighted, one a micro-batch
  std::vector<double> timesteps;  // 0..1000, one a micro-batch (head's rank)
  double grad_norm = 0.0;         // over both halves, before clipping
  double step_seconds = 0.0;      // first action to the end of the optimizer
  double busy_seconds = 0.0;      // compute inside actions, waits excluded
  double data_seconds = 0.0;      // waits for samples to be read, in actions
  int64_t link_bytes_sent = 0;
  int64_t device_bytes_in_use = 0;
  int64_t device_peak_bytes = 0;  // driver's count for this process
  int64_t pinned_host_bytes = 0;
  DeviceMemoryUse device_memory;
  std::vector<pipeline::TimedAction> timings;
  // Device time by group of kernels (stage/kernels/kernel_profile.h); empty
  // unless the job is profiled.
  std::map<std::string, double> kernel_seconds;
};

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_STEP_PLAN_H_
