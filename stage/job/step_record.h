// `run --record DIR`: what every micro-batch and step was made of, for checks
// from outside (docs/recording.md).
#ifndef HP_STAGE_JOB_STEP_RECORD_H_
#define HP_STAGE_JOB_STEP_RECORD_H_

#include <vector>

#include "absl/status/status.h"
#include "stage/train/training_compute.h"

namespace halfpipe {

// Writes step-N-mb-M.safetensors: latents, noise, timestep, weight, context,
// y, target, loss (weighted) of one micro-batch.
[[nodiscard]] absl::Status RecordMicrobatch(const MicrobatchRecord& record);

// Writes step-N-stage-R.safetensors: lora.<key>, the weights that the step's
// gradients were taken at, and grad.<key>, the accumulated gradients before
// clipping, both under DiffSynth's key names. Call before the optimizer step.
[[nodiscard]] absl::Status RecordGradients(
    const StepPlan& plan, Rank rank, const std::vector<LoraAdapter*>& adapters);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_STEP_RECORD_H_
