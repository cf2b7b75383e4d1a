// The mathematics of one stage, as the interpreter sees it.
#ifndef HP_STAGE_RUNTIME_STAGE_COMPUTE_H_
#define HP_STAGE_RUNTIME_STAGE_COMPUTE_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/jobs/step_plan.h"
#include "common/pipeline/action.h"
#include "stage/runtime/buffer_view.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// Buffers of one boundary crossing. `ready` is set when they may be read (to
// send) or overwritten (to receive); nullptr means now.
struct BoundarySlot {
  std::vector<BufferView> buffers;
  EventPtr ready;
};

// Owns a part of the model, its LoRA weights and optimizer states, and one slot
// a micro-batch and boundary. Work is enqueued on its own stream in the order
// of the calls (without a GPU it runs inside the call); nothing here waits for
// the peer: `arrived` events order it.
//
// Order of calls in a step: BeginStep; then for each action of the schedule
// one of the calls below; then EndStep. Thread rule: one thread.
// Codes: ResourceExhausted out of memory; InvalidArgument a sample that cannot
// be used; Internal a device fault. After a failure call AbandonStep.
class StageCompute {
 public:
  virtual ~StageCompute() = default;

  // Before BeginStep: a call that takes long without a GPU looks at it and ends
  // with Cancelled. OptimizerStep does not.
  virtual void SetStop(std::stop_token /*stop*/) {}

  // Loads what this rank's segments need of the plan's samples, makes the
  // noise and timesteps, and clears the gradient accumulators. In an evaluation
  // gradients stay, only Forward and the activations' transfers follow, and a
  // forward keeps nothing for a backward.
  [[nodiscard]] virtual absl::Status BeginStep(const StepPlan& plan) = 0;

  // Says which forwards and backwards follow the next call of Forward or
  // Backward, soonest first: what they keep outside the device may come back
  // under that call. Changes no result.
  virtual void SetUpcoming(const std::vector<pipeline::Action>& /*actions*/) {}

  // Runs a segment on a micro-batch. Its input is the output of the segment
  // before it: of this rank, or what SetActivationArrived announced.
  [[nodiscard]] virtual absl::Status Forward(Segment segment,
                                             Microbatch microbatch) = 0;

  // Runs it backward, adds to the LoRA gradients in the order of the calls,
  // and frees what the forward saved.
  [[nodiscard]] virtual absl::Status Backward(Segment segment,
                                              Microbatch microbatch) = 0;

  // The output of `segment`, to send to the rank of the next one. Valid until
  // the event given to ReleaseSent.
  [[nodiscard]] virtual absl::StatusOr<BoundarySlot> ActivationToSend(
      Segment segment, Microbatch microbatch) = 0;
  // The gradient of `segment`'s input, to send to the rank of the one before.
  [[nodiscard]] virtual absl::StatusOr<BoundarySlot> GradientToSend(
      Segment segment, Microbatch microbatch) = 0;
  // Announces that what was taken from the two above may be freed at `done`.
  virtual void ReleaseSent(Segment segment, Microbatch microbatch,
                           EventPtr done) = 0;

  // Room for the input of `segment`, which the peer computes.
  [[nodiscard]] virtual absl::StatusOr<BoundarySlot> ActivationToReceive(
      Segment segment, Microbatch microbatch) = 0;
  // Room for the gradient of `segment`'s output.
  [[nodiscard]] virtual absl::StatusOr<BoundarySlot> GradientToReceive(
      Segment segment, Microbatch microbatch) = 0;
  // Announces when the buffer of the call above is filled; the segment's
  // forward (activation) or backward (gradient) orders itself behind it.
  virtual void SetActivationArrived(Segment segment, Microbatch microbatch,
                                    EventPtr arrived) = 0;
  virtual void SetGradientArrived(Segment segment, Microbatch microbatch,
                                  EventPtr arrived) = 0;

  // Squared float64 norms of this rank's gradients, one a LoRA tensor in block
  // order, and room for those of the rank that is `back` places before this one
  // in the ring of stages, 1 to all but one. What arrived may be passed on to
  // the next stage from there until OptimizerStep. With one stage there is no
  // peer and none is called.
  [[nodiscard]] virtual absl::StatusOr<BoundarySlot> GradNormsToSend() = 0;
  // Announces that the own ones have been sent at `done`.
  virtual void ReleaseGradNorms(EventPtr done) = 0;
  [[nodiscard]] virtual absl::StatusOr<BoundarySlot> GradNormsToReceive(
      int32_t back) = 0;
  virtual void SetGradNormsArrived(int32_t back, EventPtr arrived) = 0;

  // Clips by the norm over all stages (a sum in block order), steps the
  // optimizer with the plan's learning rate and refreshes the compute copies.
  // A norm that is not finite changes nothing and returns NonFiniteError
  // (common/jobs/failure_notes.h), on all ranks alike; or OK, for a compute
  // that was told to skip such steps.
  [[nodiscard]] virtual absl::Status OptimizerStep() = 0;

  // Waits for the stream and fills the report's losses, timesteps, norm,
  // memory figures and data_seconds (other times are the interpreter's).
  [[nodiscard]] virtual absl::Status EndStep(StepReport* report) = 0;

  // Drops everything of the running step; weights and optimizer states are
  // those of the last completed OptimizerStep.
  virtual void AbandonStep() = 0;

  // An event at the present end of the compute stream, with a time stamp.
  [[nodiscard]] virtual absl::StatusOr<EventPtr> RecordEvent() = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_STAGE_COMPUTE_H_
