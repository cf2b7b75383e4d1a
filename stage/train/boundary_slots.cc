#include "stage/train/boundary_slots.h"

#include <ATen/ops/empty.h>

#include <utility>

#include "absl/strings/str_cat.h"
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
  return PutAt(KeyOf(kind, segment, microbatch), std::move(tensors));
}

absl::StatusOr<BoundarySlot> BoundarySlots::PutNorms(at::Tensor norms) {
  return PutAt(KeyOfNorms(SlotKind::kNormsOut, Rank(0)), {std::move(norms)});
}

absl::StatusOr<BoundarySlot> BoundarySlots::PutAt(const Key& key,
                                                  SlotTensors tensors) {
  FreeFinished();
  HP_ASSIGN_OR_RETURN(EventPtr ready, RecordComputeEvent(device_));
  return Keep(key, {std::move(tensors), {}, nullptr}, std::move(ready));
}

absl::StatusOr<BoundarySlot> BoundarySlots::Expect(
    SlotKind kind, Segment segment, Microbatch microbatch,
    const std::vector<SlotSpec>& specs) {
  return ExpectAt(KeyOf(kind, segment, microbatch), specs);
}

absl::StatusOr<BoundarySlot> BoundarySlots::ExpectNorms(Rank owner,
                                                        int64_t count) {
  return ExpectAt(KeyOfNorms(SlotKind::kNormsIn, owner),
                  {SlotSpec{{count}, at::kDouble}});
}

absl::StatusOr<BoundarySlot> BoundarySlots::ExpectAt(
    const Key& key, const std::vector<SlotSpec>& specs) {
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
  SetArrivedAt(KeyOf(kind, segment, microbatch), std::move(arrived));
}

void BoundarySlots::SetNormsArrived(Rank owner, EventPtr arrived) {
  SetArrivedAt(KeyOfNorms(SlotKind::kNormsIn, owner), std::move(arrived));
}

void BoundarySlots::SetArrivedAt(const Key& key, EventPtr arrived) {
  auto it = slots_.find(key);
  if (it != slots_.end()) it->second.arrived = std::move(arrived);
}

absl::StatusOr<SlotTensors> BoundarySlots::Take(SlotKind kind, Segment segment,
                                                Microbatch microbatch) {
  return TakeAt(KeyOf(kind, segment, microbatch),
                absl::StrCat("segment ", segment.value(), " micro-batch ",
                             microbatch.value(), ": its input"));
}

absl::StatusOr<at::Tensor> BoundarySlots::TakeNorms(Rank owner) {
  HP_ASSIGN_OR_RETURN(SlotTensors norms,
                      TakeAt(KeyOfNorms(SlotKind::kNormsIn, owner),
                             absl::StrCat("what stage", owner.value(),
                                          " has as gradient norms")));
  return std::move(norms.front());
}

absl::StatusOr<SlotTensors> BoundarySlots::TakeAt(const Key& key,
                                                  absl::string_view what) {
  auto it = slots_.find(key);
  if (it == slots_.end() || it->second.arrived == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, " was never received"));
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
    ReleaseAt(KeyOf(kind, segment, microbatch), done);
  }
}

void BoundarySlots::ReleaseNorms(const EventPtr& done) {
  ReleaseAt(KeyOfNorms(SlotKind::kNormsOut, Rank(0)), done);
}

void BoundarySlots::ReleaseAt(const Key& key, const EventPtr& done) {
  auto it = slots_.find(key);
  if (it == slots_.end()) return;
  leaving_.push_back({std::move(it->second.tensors), {}, done});
  slots_.erase(it);
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
