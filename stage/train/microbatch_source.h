// Where a step's micro-batches come from: the cache while training, a golden
// file in `verify`, made-up tensors in `bench`.
#ifndef HP_STAGE_TRAIN_MICROBATCH_SOURCE_H_
#define HP_STAGE_TRAIN_MICROBATCH_SOURCE_H_

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/jobs/step_plan.h"
#include "stage/wan/microbatch_inputs.h"

namespace halfpipe {

// One micro-batch on the CPU, ready to be moved to the device.
struct MicrobatchData {
  MicrobatchInputs inputs;   // x_t, timestep, context, y, ...
  at::Tensor target;         // (B, C, F, H, W) fp32: noise - x_0
  double loss_weight = 1.0;  // of the mean squared error
  // What the weighted loss is multiplied by before the backward pass: 1 / M
  // in training, this micro-batch's share of the batch in `verify`.
  double gradient_share = 1.0;
  // Latent frames at the front that the loss leaves out (a given first frame).
  int64_t given_frames = 0;
  // Only for `--record`; undefined where there is nothing to record.
  at::Tensor latents;  // x_0
  at::Tensor noise;
};

// Used by the rank that runs the embeddings and the loss. One thread.
class MicrobatchSource {
 public:
  virtual ~MicrobatchSource() = default;

  // The same plan and micro-batch always give the same bits.
  [[nodiscard]] virtual absl::StatusOr<MicrobatchData> Load(
      const StepPlan& plan, Microbatch microbatch) = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_MICROBATCH_SOURCE_H_
