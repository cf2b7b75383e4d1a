// The memory planner: what becomes of every saved tensor on both stages, how
// deep the pipeline runs ahead, where it is split, and what all that costs.
// Pure arithmetic: no I/O, no torch, thread-safe.
#ifndef HP_COMMON_PLAN_PLANNER_H_
#define HP_COMMON_PLAN_PLANNER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/model_spec.h"
#include "common/pipeline/cost_model.h"
#include "common/pipeline/schedule.h"
#include "common/pipeline/simulate.h"
#include "common/plan/activation_plan.h"
#include "common/plan/block_model.h"
#include "common/plan/rates.h"
#include "common/plan/stage_cost.h"

namespace halfpipe {

// The sizes of one sample.
struct ClipShape {
  int64_t latent_frames = 0;
  int64_t tokens_per_frame = 0;          // of a latent frame
  int64_t context_tokens = kTextTokens;  // text and image tokens together

  [[nodiscard]] int64_t tokens() const {
    return latent_frames * tokens_per_frame;
  }

  [[nodiscard]] int64_t frames() const { return ClipFrames(latent_frames); }
};

struct PlanRequest {
  ModelSpec model;
  ClipShape clip;
  WeightForm weights = WeightForm::kBf16;
  int64_t lora_rank = 32;
  int64_t lora_parameters = 0;  // of the whole model
  // name, microbatches and stages are read; warmup only with fixed_warmup.
  pipeline::ScheduleOptions schedule;
  bool fixed_warmup = false;
  std::optional<int64_t> split;            // none: chosen
  std::optional<ActivationPolicy> policy;  // none: chosen
  std::vector<DeviceRates> devices;        // one a stage
  int64_t gpu_memory_bytes = 0;            // cap of each; 0: what is free
  // One budget that both stages share, or one a stage.
  std::vector<int64_t> host_memory_bytes;
  // What sets that budget, for messages: a subject and a verb.
  std::string host_memory_source = "pipeline.host_memory allows";
  // Parts that a feed-forward layer's backward may be cut into where that is
  // what fits, or clearly faster.
  int64_t max_ffn_chunks = 1;
  // Masters and moments of the optimizer are in host memory, beside the budgets
  // above. False: where that is what fits, or faster.
  bool optimizer_on_host = false;
};

// What one stage does and needs.
struct StagePlan {
  ActivationPlan activations;
  int32_t live = 0;  // micro-batches whose saved tensors are there at a time
  int64_t ffn_chunks = 1;
  StageCost cost;
  // The parts of the peak that are there at any time.
  int64_t fixed_bytes = 0;    // context, NCCL, workspaces
  int64_t weight_bytes = 0;   // blocks, embeddings, head
  int64_t trained_bytes = 0;  // LoRA, its gradients, moments if they are here
  int64_t moment_bytes = 0;   // of those, the moments
  int64_t optimizer_host_bytes = 0;  // else: masters and moments, page-locked
  int64_t boundary_bytes = 0;        // what crosses, and conditioning
  int64_t slack_bytes = 0;           // what the allocator cannot use
  int64_t peak_bytes = 0;            // all of them and cost.device_bytes()
  int64_t budget_bytes = 0;

  // At most at one time.
  [[nodiscard]] int64_t pinned_host_bytes() const {
    return cost.host_bytes + optimizer_host_bytes;
  }
};

struct TrainingPlan {
  std::vector<StagePlan> stages;
  int64_t split = 0;  // blocks on stage 0
  bool optimizer_on_host = false;
  pipeline::Schedule schedule;
  pipeline::CostModel costs;
  pipeline::Simulation simulation;  // of one step

  [[nodiscard]] double step_seconds() const {
    return simulation.makespan_seconds;
  }

  [[nodiscard]] double sample_seconds() const {
    return step_seconds() / schedule.options.microbatches;
  }

  [[nodiscard]] int64_t pinned_host_bytes() const;
};

// The fastest plan within the budgets. What gains little is left alone: of
// plans within half a percent the one that pins the least host memory is taken,
// an uneven split or an optimizer in host memory must gain one percent, another
// number of parts two.
// InvalidArgument: sizes, rates or options that cannot be, or more than two
// stages. ResourceExhausted: nothing fits; the message says which limit binds,
// by how many bytes, and what would fit.
[[nodiscard]] absl::StatusOr<TrainingPlan> PlanTraining(
    const PlanRequest& request);

// The most frames (4k+1) of which a clip of this size fits, at any speed; 0:
// not even one.
[[nodiscard]] int64_t LongestClip(const PlanRequest& request);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_PLANNER_H_
