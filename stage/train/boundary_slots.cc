#include "stage/train/boundary_slots.h"

#include <ATen/ops/empty.h>

#include <utility>

#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/train/compute_stream.h"

namespace halfpipe {
namespace {

// How long a CPU compute waits for its peer's data; a GPU never waits here.
// The peer may be in the middle of a long block.
constexpr absl::Duration kArrivalLimit = absl::Minutes(30);

// An aborted link ends its transfers within this time (PeerLink::Abort).
constexpr absl::Duration kAbortLimit = absl::Seconds(10);

absl::StatusOr<BufferView> ViewOf(const at::Tensor& tensor) {
  HP_CHECK(tensor.is_contiguous());
  HP_ASSIGN_OR_RETURN(DType dtype, ToDType(tensor.scalar_type()));
  return BufferView{.data = tensor.data_ptr(),
                    .bytes = ByteSize(tensor),
                    .dtype = dtype,
                    .shape = ShapeOf(tensor)};
}

}  // namespace

absl::StatusOr<BoundarySlot> BoundarySlots::Keep(const Key& key, Slot slot,
                                                 EventPtr ready) {
  BoundarySlot views{.buffers = {}, .ready = std::move(ready)};
  for (const at::Tensor& tensor : slot.tensors) {
    HP_ASSIGN_OR_RETURN(BufferView view, ViewOf(tensor));
    views.buffers.push_back(std::move(view));
  }
  slots_[key] = std::move(slot);
  return views;
}

absl::StatusOr<BoundarySlot> BoundarySlots::Put(SlotKind kind, Segment segment,
                                                Microbatch microbatch,
                                                SlotTensors tensors) {
  FreeFinished();
  HP_ASSIGN_OR_RETURN(EventPtr ready, RecordComputeEvent(device_));
  return Keep({kind, segment, microbatch}, {std::move(tensors), {}, nullptr},
              std::move(ready));
}

absl::StatusOr<BoundarySlot> BoundarySlots::Expect(
    SlotKind kind, Segment segment, Microbatch microbatch,
    const std::vector<SlotSpec>& specs) {
  const Key key = {kind, segment, microbatch};
  for (auto it = idle_.begin(); it != idle_.end(); ++it) {
    if (it->specs != specs) continue;
    Idle idle = std::move(*it);
    idle_.erase(it);
    return Keep(key, {std::move(idle.tensors), specs, nullptr},
                std::move(idle.last_read));
  }
  SlotTensors tensors;
  for (const SlotSpec& spec : specs) {
    tensors.push_back(
        at::empty(spec.shape, at::TensorOptions(spec.dtype).device(device_)));
  }
  HP_ASSIGN_OR_RETURN(EventPtr ready, RecordComputeEvent(device_));
  return Keep(key, {std::move(tensors), specs, nullptr}, std::move(ready));
}

void BoundarySlots::SetArrived(SlotKind kind, Segment segment,
                               Microbatch microbatch, EventPtr arrived) {
  auto it = slots_.find({kind, segment, microbatch});
  if (it != slots_.end()) it->second.arrived = std::move(arrived);
}

absl::StatusOr<SlotTensors> BoundarySlots::Take(SlotKind kind, Segment segment,
                                                Microbatch microbatch) {
  auto it = slots_.find({kind, segment, microbatch});
  if (it == slots_.end() || it->second.arrived == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("segment ", segment.value(), " micro-batch ",
                     microbatch.value(), ": its input was never received"));
  }
  // The buffer stays here until nobody writes into it any more.
  HP_RETURN_IF_ERROR(OrderBehind(it->second.arrived, device_, kArrivalLimit));
  Slot slot = std::move(it->second);
  slots_.erase(it);
  SlotTensors copies;
  for (const at::Tensor& tensor : slot.tensors) {
    copies.push_back(tensor.clone());
  }
  HP_ASSIGN_OR_RETURN(EventPtr read, RecordComputeEvent(device_));
  idle_.push_back(
      {std::move(slot.tensors), std::move(slot.specs), std::move(read)});
  return copies;
}

void BoundarySlots::Release(Segment segment, Microbatch microbatch,
                            const EventPtr& done) {
  for (SlotKind kind : {SlotKind::kActivationOut, SlotKind::kGradientOut}) {
    auto it = slots_.find({kind, segment, microbatch});
    if (it == slots_.end()) continue;
    leaving_.push_back({std::move(it->second.tensors), {}, done});
    slots_.erase(it);
  }
}

void BoundarySlots::FreeFinished() {
  while (!leaving_.empty() &&
         leaving_.front().arrived->WaitOnHost(absl::InfinitePast()).ok()) {
    leaving_.pop_front();
  }
}

void BoundarySlots::Clear() {
  // Abort does not wait: a link's thread may still be inside its last transfer.
  const absl::Time deadline = SteadyNow() + kAbortLimit;
  for (const auto& [key, slot] : slots_) {
    if (slot.arrived != nullptr) {
      slot.arrived->WaitOnHost(deadline).IgnoreError();
    }
  }
  for (const Slot& slot : leaving_) {
    if (slot.arrived != nullptr) {
      slot.arrived->WaitOnHost(deadline).IgnoreError();
    }
  }
  slots_.clear();
  leaving_.clear();
  idle_.clear();
}

}  // namespace halfpipe
