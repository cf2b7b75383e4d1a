// The model's side of the interpreter: what StageCompute's calls mean for the
// part of it that this process owns.
#ifndef HP_STAGE_TRAIN_TRAINING_COMPUTE_H_
#define HP_STAGE_TRAIN_TRAINING_COMPUTE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "stage/kernels/kernel_profile.h"
#include "stage/runtime/stage_compute.h"
#include "stage/runtime/stage_model.h"
#include "stage/train/adamw.h"
#include "stage/train/block_pace.h"
#include "stage/train/boundary_slots.h"
#include "stage/train/device_memory_meter.h"
#include "stage/train/microbatch_source.h"
#include "stage/train/segments.h"

namespace halfpipe {

// Tells the shape of a micro-batch without reading its tensors, so that a rank
// without the data knows what it will receive.
using MicrobatchShapeFn = std::function<absl::StatusOr<MicrobatchShape>(
    const StepPlan& plan, Microbatch microbatch)>;

// Called on the head's rank after the loss of a micro-batch is known.
struct MicrobatchRecord {
  const StepPlan* plan;
  Microbatch microbatch;
  const MicrobatchData* data;
  at::Tensor prediction;  // (B, C, F, H, W) fp32
  at::Tensor loss;        // 0-dim fp32, mean squared error, unweighted
};

using RecordFn = std::function<absl::Status(const MicrobatchRecord&)>;

// Called on every rank when all gradients are there, before clipping.
using GradientsFn = std::function<absl::Status(
    const StepPlan& plan, const std::vector<LoraAdapter*>& adapters)>;

struct TrainingComputeOptions {
  Rank rank;
  at::Device device = at::kCPU;
  at::ScalarType compute = at::kFloat;
  std::vector<SegmentContent> segments;
  // Several ranks: whose each trained tensor is, in block order over the whole
  // model (LoraTensorOwners). The order in which norms are added up.
  std::vector<Rank> tensor_owners = {};
  double max_grad_norm = 0.0;  // 0: no clipping
  bool profile = false;        // report the time of each kernel group
  AdamWOptions optimizer = {};
  // The part's masters are in host memory; so are the optimizer's moments.
  bool optimizer_on_host = false;
  // A step whose gradient is not finite changes nothing and is no error; its
  // report has the norm.
  bool skip_nonfinite = false;
  MicrobatchShapeFn shape_of = {};
  GradientsFn on_gradients = {};  // may be empty
  RecordFn on_loss = {};          // may be empty
};

// See StageCompute for order, threads and codes. Owns the model's part and
// the optimizer; the source outlives it.
class TrainingCompute : public StageCompute {
 public:
  // `source` may be null on a rank that neither embeds nor has the head.
  TrainingCompute(TrainingComputeOptions options,
                  std::unique_ptr<StageModel> model, MicrobatchSource* source);

  void SetStop(std::stop_token stop) override {
    pace_.SetStop(std::move(stop));
  }

  [[nodiscard]] absl::Status BeginStep(const StepPlan& plan) override;
  void SetUpcoming(const std::vector<pipeline::Action>& actions) override;
  [[nodiscard]] absl::Status Forward(Segment segment,
                                     Microbatch microbatch) override;
  [[nodiscard]] absl::Status Backward(Segment segment,
                                      Microbatch microbatch) override;
  [[nodiscard]] absl::StatusOr<BoundarySlot> ActivationToSend(
      Segment segment, Microbatch microbatch) override;
  [[nodiscard]] absl::StatusOr<BoundarySlot> GradientToSend(
      Segment segment, Microbatch microbatch) override;
  void ReleaseSent(Segment segment, Microbatch microbatch,
                   EventPtr done) override;
  [[nodiscard]] absl::StatusOr<BoundarySlot> ActivationToReceive(
      Segment segment, Microbatch microbatch) override;
  [[nodiscard]] absl::StatusOr<BoundarySlot> GradientToReceive(
      Segment segment, Microbatch microbatch) override;
  void SetActivationArrived(Segment segment, Microbatch microbatch,
                            EventPtr arrived) override;
  void SetGradientArrived(Segment segment, Microbatch microbatch,
                          EventPtr arrived) override;
  [[nodiscard]] absl::StatusOr<BoundarySlot> GradNormsToSend() override;
  void ReleaseGradNorms(EventPtr done) override;
  [[nodiscard]] absl::StatusOr<BoundarySlot> GradNormsToReceive(
      int32_t back) override;
  void SetGradNormsArrived(int32_t back, EventPtr arrived) override;
  [[nodiscard]] absl::Status OptimizerStep() override;
  [[nodiscard]] absl::Status EndStep(StepReport* report) override;
  void AbandonStep() override;
  [[nodiscard]] absl::StatusOr<EventPtr> RecordEvent() override;

  // The model's part and the optimizer, for checkpoints and `verify`. Between
  // steps only.
  [[nodiscard]] StageModel& model() { return *model_; }

  [[nodiscard]] AdamW& optimizer() { return optimizer_; }

  // Gives the model away; nothing is called any more.
  [[nodiscard]] std::unique_ptr<StageModel> ReleaseModel() {
    model_->set_before_block({});
    return std::move(model_);
  }

 private:
  // One micro-batch on its way through this rank.
  struct InFlight {
    std::optional<MicrobatchData> data;  // head's rank, until its loss
    std::map<Segment, at::Tensor> x;     // a segment's output for the next one
    std::map<Segment, at::Tensor> dx;    // gradient of a segment's input
    at::Tensor dprediction;              // between the head's two passes
  };

  static Segment Next(Segment segment) { return Segment(segment.value() + 1); }

  static Segment Previous(Segment segment) {
    return Segment(segment.value() - 1);
  }

  [[nodiscard]] static absl::Status Missing(absl::string_view what,
                                            Segment segment,
                                            Microbatch microbatch);

  [[nodiscard]] std::vector<LoraAdapter*> Adapters() const;
  [[nodiscard]] const SegmentContent& ContentOf(Segment segment) const;
  [[nodiscard]] bool IsLocal(Segment segment) const;
  [[nodiscard]] absl::StatusOr<at::Tensor> EmbedInput(Microbatch microbatch);
  [[nodiscard]] absl::StatusOr<at::Tensor> InputOf(Segment segment,
                                                   Microbatch microbatch);
  // What the peer sent: the segment's input. What came with the first one goes
  // to the model.
  [[nodiscard]] absl::StatusOr<at::Tensor> ReceivedInput(Segment segment,
                                                         Microbatch microbatch);
  [[nodiscard]] absl::StatusOr<at::Tensor> OutputGradientOf(
      Segment segment, Microbatch microbatch);
  [[nodiscard]] absl::StatusOr<at::Tensor> RunBlocks(Segment segment,
                                                     Microbatch microbatch,
                                                     at::Tensor x);
  // Lets go of what an evaluation's micro-batch needs no more behind `segment`,
  // whose output may still be to be sent. Does nothing before the last segment
  // of this rank.
  void EndEvaluation(Segment segment, Microbatch microbatch);
  [[nodiscard]] absl::Status HeadAndLoss(Microbatch microbatch,
                                         const at::Tensor& x);
  // What goes from this segment to the next one's rank, in the wire's order.
  [[nodiscard]] std::vector<SplitTensor> CrossingBehind(Segment segment) const;
  // The shapes of that, or of the gradients that come back for it.
  [[nodiscard]] absl::StatusOr<std::vector<SlotSpec>> SpecsBehind(
      Segment segment, Microbatch microbatch, bool gradients);

  // The rank that many places before this one in the ring of stages, and the
  // inverse; 0: this one.
  [[nodiscard]] Rank RankBack(int32_t back) const;
  [[nodiscard]] int32_t BackOf(Rank rank) const;
  // All squared norms in block order, from the lists of all ranks: entry b is
  // that of RankBack(b), in host memory.
  [[nodiscard]] absl::StatusOr<std::vector<double>> MergeNorms(
      const std::vector<at::Tensor>& lists) const;
  // How long the step waited for its samples. Every event must be set.
  [[nodiscard]] absl::StatusOr<double> TakeDataSeconds();
  [[nodiscard]] absl::Status ReportProfile(StepReport* report);
  [[nodiscard]] absl::StatusOr<double> ReadGlobalNorm();

  // Whether the next segment's rank needs what the embeddings made for all
  // blocks along with this segment's output: it has had no segment before.
  [[nodiscard]] bool SendsConditioning(Segment segment) const;

  TrainingComputeOptions options_;
  std::unique_ptr<StageModel> model_;
  MicrobatchSource* source_;
  AdamW optimizer_;
  BoundarySlots slots_;
  DeviceMemoryMeter memory_use_;
  BlockPace pace_;
  StepPlan plan_;
  std::map<Microbatch, InFlight> in_flight_;
  std::map<Microbatch, at::Tensor> losses_;  // 0-dim fp32, weighted
  std::vector<double> timesteps_;
  std::vector<std::pair<EventPtr, EventPtr>> data_waits_;  // begin, end
  at::Tensor own_norms_;       // (n) float64 on the device
  const int32_t ranks_;        // of the job
  int32_t norms_arrived_ = 0;  // of other ranks
  double grad_norm_ = 0.0;
  KernelProfile profile_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_TRAINING_COMPUTE_H_
