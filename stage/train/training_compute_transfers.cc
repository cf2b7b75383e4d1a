// What a TrainingCompute sends and receives; training_compute.cc computes.
#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/clip.h"
#include "stage/train/train_state.h"
#include "stage/train/training_compute.h"
#include "stage/wan/boundary.h"

namespace halfpipe {

absl::StatusOr<BoundarySlot> TrainingCompute::ActivationToSend(
    Segment segment, Microbatch microbatch) {
  return TorchGuard("send activation", [&]() -> absl::StatusOr<BoundarySlot> {
    InFlight& flight = in_flight_[microbatch];
    auto it = flight.x.find(segment);
    if (it == flight.x.end()) return Missing("output", segment, microbatch);
    SlotTensors tensors;
    for (const SplitTensor& tensor : CrossingBehind(segment)) {
      const at::Tensor value =
          tensor.name == kSplitTokens
              ? it->second
              : model_->SplitTensorOf(microbatch, tensor.name);
      tensors.push_back(value.contiguous());
    }
    flight.x.erase(it);
    if (plan_.evaluation && SendsConditioning(segment)) {
      EndEvaluation(segment, microbatch);
    }
    return slots_.Put(SlotKind::kActivationOut, segment, microbatch,
                      std::move(tensors));
  });
}

absl::StatusOr<BoundarySlot> TrainingCompute::GradientToSend(
    Segment segment, Microbatch microbatch) {
  return TorchGuard("send gradient", [&]() -> absl::StatusOr<BoundarySlot> {
    InFlight& flight = in_flight_[microbatch];
    auto it = flight.dx.find(segment);
    if (it == flight.dx.end()) return Missing("gradient", segment, microbatch);
    SlotTensors tensors = {it->second.contiguous()};
    flight.dx.erase(it);
    return slots_.Put(SlotKind::kGradientOut, segment, microbatch,
                      std::move(tensors));
  });
}

void TrainingCompute::ReleaseSent(Segment segment, Microbatch microbatch,
                                  EventPtr done) {
  slots_.Release(segment, microbatch, done);
}

std::vector<SplitTensor> TrainingCompute::CrossingBehind(
    Segment segment) const {
  std::vector<SplitTensor> crossing = SplitTensorsOf(model_->spec());
  // What the embeddings made crosses with the tokens, and to each rank once.
  if (!SendsConditioning(segment)) {
    std::erase_if(crossing, [](const SplitTensor& tensor) {
      return tensor.name != kSplitTokens;
    });
  }
  return crossing;
}

absl::StatusOr<std::vector<SlotSpec>> TrainingCompute::SpecsBehind(
    Segment segment, Microbatch microbatch, bool gradients) {
  HP_ASSIGN_OR_RETURN(MicrobatchShape shape,
                      options_.shape_of(plan_, microbatch));
  HP_ASSIGN_OR_RETURN(DType compute, ToDType(options_.compute));
  HP_ASSIGN_OR_RETURN(BoundarySpec boundary,
                      MakeBoundarySpec(model_->spec(), shape, compute));
  std::vector<SlotSpec> specs;
  for (const SplitTensor& crossing : CrossingBehind(segment)) {
    if (gradients && !crossing.needs_grad) continue;
    const BoundaryTensor& tensor = boundary.Of(crossing.name);
    specs.push_back({tensor.shape, ToScalarType(tensor.dtype)});
  }
  return specs;
}

absl::StatusOr<BoundarySlot> TrainingCompute::ActivationToReceive(
    Segment segment, Microbatch microbatch) {
  return TorchGuard("receive", [&]() -> absl::StatusOr<BoundarySlot> {
    HP_ASSIGN_OR_RETURN(
        std::vector<SlotSpec> specs,
        SpecsBehind(Previous(segment), microbatch, /*gradients=*/false));
    return slots_.Expect(SlotKind::kActivationIn, segment, microbatch, specs);
  });
}

absl::StatusOr<BoundarySlot> TrainingCompute::GradientToReceive(
    Segment segment, Microbatch microbatch) {
  return TorchGuard("receive", [&]() -> absl::StatusOr<BoundarySlot> {
    HP_ASSIGN_OR_RETURN(std::vector<SlotSpec> specs,
                        SpecsBehind(segment, microbatch, /*gradients=*/true));
    return slots_.Expect(SlotKind::kGradientIn, segment, microbatch, specs);
  });
}

void TrainingCompute::SetActivationArrived(Segment segment,
                                           Microbatch microbatch,
                                           EventPtr arrived) {
  slots_.SetArrived(SlotKind::kActivationIn, segment, microbatch,
                    std::move(arrived));
}

void TrainingCompute::SetGradientArrived(Segment segment, Microbatch microbatch,
                                         EventPtr arrived) {
  slots_.SetArrived(SlotKind::kGradientIn, segment, microbatch,
                    std::move(arrived));
}

absl::StatusOr<BoundarySlot> TrainingCompute::GradNormsToSend() {
  return TorchGuard("norms", [&]() -> absl::StatusOr<BoundarySlot> {
    own_norms_ = SquaredNorms(LoraGradients(Adapters()))
                     .to(options_.device)
                     .contiguous();
    return slots_.PutNorms(own_norms_);
  });
}

void TrainingCompute::ReleaseGradNorms(EventPtr done) {
  slots_.ReleaseNorms(done);
}

absl::StatusOr<BoundarySlot> TrainingCompute::GradNormsToReceive(int32_t back) {
  return TorchGuard("norms", [&]() -> absl::StatusOr<BoundarySlot> {
    const Rank owner = RankBack(back);
    const int64_t count = std::count(options_.tensor_owners.begin(),
                                     options_.tensor_owners.end(), owner);
    return slots_.ExpectNorms(owner, count);
  });
}

void TrainingCompute::SetGradNormsArrived(int32_t back, EventPtr arrived) {
  slots_.SetNormsArrived(RankBack(back), std::move(arrived));
  ++norms_arrived_;
}

}  // namespace halfpipe
