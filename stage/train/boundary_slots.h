// Buffers that cross the split, for every micro-batch in flight.
#ifndef HP_STAGE_TRAIN_BOUNDARY_SLOTS_H_
#define HP_STAGE_TRAIN_BOUNDARY_SLOTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <map>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "stage/runtime/event.h"
#include "stage/runtime/stage_compute.h"

namespace halfpipe {

// What a slot holds for one segment and micro-batch.
enum class SlotKind : uint8_t {
  kActivationIn,   // input of the segment, from the peer
  kActivationOut,  // output of the segment, for the peer
  kGradientIn,     // gradient of the segment's output, from the peer
  kGradientOut,    // gradient of the segment's input, for the peer
  kNormsIn,        // norms of another rank: ExpectNorms to TakeNorms
  kNormsOut,       // norms of this rank: PutNorms to ReleaseNorms
};

using SlotTensors = std::vector<at::Tensor>;

// Shape and type of one tensor to receive.
struct SlotSpec {
  Shape shape;
  at::ScalarType dtype = at::kFloat;

  friend bool operator==(const SlotSpec&, const SlotSpec&) = default;
};

// Owns the tensors while the link or the compute needs them. Not thread-safe.
class BoundarySlots {
 public:
  explicit BoundarySlots(at::Device device) : device_(device) {}

  // Keeps `tensors` (contiguous) to be sent and returns their views, ready at
  // the present end of the compute stream.
  [[nodiscard]] absl::StatusOr<BoundarySlot> Put(SlotKind kind, Segment segment,
                                                 Microbatch microbatch,
                                                 SlotTensors tensors);

  // Room to receive tensors of these shapes. The buffers stay with this object
  // and are reused, so that a receive waits for the last reader of its buffer
  // only, not for whatever compute was enqueued before it.
  [[nodiscard]] absl::StatusOr<BoundarySlot> Expect(
      SlotKind kind, Segment segment, Microbatch microbatch,
      const std::vector<SlotSpec>& specs);

  // Sets the event behind which a received slot may be read.
  void SetArrived(SlotKind kind, Segment segment, Microbatch microbatch,
                  EventPtr arrived);

  // Orders the compute stream behind the slot's arrival and returns copies of
  // its tensors. FailedPrecondition when nothing is there or has arrived.
  [[nodiscard]] absl::StatusOr<SlotTensors> Take(SlotKind kind, Segment segment,
                                                 Microbatch microbatch);

  // Lets go of what was sent from the two outgoing slots of a segment, once
  // `done` is set; until then the memory stays.
  void Release(Segment segment, Microbatch microbatch, const EventPtr& done);

  // The same for squared gradient norms, (n) float64: those of this rank, to be
  // sent, and those of other ranks, a slot for each `owner`. What has arrived
  // may be sent on until it is taken.
  [[nodiscard]] absl::StatusOr<BoundarySlot> PutNorms(at::Tensor norms);
  void ReleaseNorms(const EventPtr& done);
  [[nodiscard]] absl::StatusOr<BoundarySlot> ExpectNorms(Rank owner,
                                                         int64_t count);
  void SetNormsArrived(Rank owner, EventPtr arrived);
  [[nodiscard]] absl::StatusOr<at::Tensor> TakeNorms(Rank owner);

  // Waits for the transfers that are still ending, then drops everything.
  // REQUIRES: the link is flushed or aborted.
  void Clear();

 private:
  // Kind, segment and micro-batch; for norms kind, owner and 0.
  using Key = std::tuple<SlotKind, int32_t, int32_t>;

  struct Slot {
    SlotTensors tensors;
    std::vector<SlotSpec> specs;
    EventPtr arrived;
  };

  // A receive buffer that nobody needs any more once `last_read` is set.
  struct Idle {
    SlotTensors tensors;
    std::vector<SlotSpec> specs;
    EventPtr last_read;
  };

  [[nodiscard]] static Key KeyOf(SlotKind kind, Segment segment,
                                 Microbatch microbatch) {
    return {kind, segment.value(), microbatch.value()};
  }

  [[nodiscard]] static Key KeyOfNorms(SlotKind kind, Rank owner) {
    return {kind, owner.value(), 0};
  }

  [[nodiscard]] absl::StatusOr<BoundarySlot> Keep(const Key& key, Slot slot,
                                                  EventPtr ready);
  [[nodiscard]] absl::StatusOr<BoundarySlot> PutAt(const Key& key,
                                                   SlotTensors tensors);
  [[nodiscard]] absl::StatusOr<BoundarySlot> ExpectAt(
      const Key& key, const std::vector<SlotSpec>& specs);
  void SetArrivedAt(const Key& key, EventPtr arrived);
  // `what` is missing in the error.
  [[nodiscard]] absl::StatusOr<SlotTensors> TakeAt(const Key& key,
                                                   absl::string_view what);
  void ReleaseAt(const Key& key, const EventPtr& done);
  void FreeFinished();

  at::Device device_;
  std::map<Key, Slot> slots_;
  std::deque<Idle> idle_;
  std::deque<Slot> leaving_;  // `arrived` is the end of their transfer
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_BOUNDARY_SLOTS_H_
