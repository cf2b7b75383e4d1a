// A stage's links to the stages before and behind it.
#ifndef HP_STAGE_RUNTIME_NEIGHBOUR_LINKS_H_
#define HP_STAGE_RUNTIME_NEIGHBOUR_LINKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stage/runtime/event.h"
#include "stage/runtime/peer_link.h"
#include "stage/runtime/stage_compute.h"

namespace halfpipe {

// The stages of a job stand in a ring: activations go to the next stage and
// come from the one before, gradients the other way, and behind the last stage
// is the first one with the head (pipeline::SegmentTable::ForStages). With two
// stages both neighbours are the peer, and its one link goes both ways; a
// single stage has none.
//
// A plain value that owns no link: they outlive it. Thread rule and codes are
// those of PeerLink.
class NeighbourLinks {
 public:
  // Of a stage whose only neighbour is at the other end of `link`, or, where
  // that is nullptr, of a stage that is alone.
  [[nodiscard]] static NeighbourLinks ToPeer(PeerLink* link);

  // Of one of `stages` stages. REQUIRES: at least three, and two links.
  [[nodiscard]] static NeighbourLinks InRing(PeerLink* previous, PeerLink* next,
                                             int32_t stages);

  [[nodiscard]] bool alone() const { return previous_ == nullptr; }

  [[nodiscard]] int32_t stages() const { return stages_; }

  // REQUIRES: not alone.
  [[nodiscard]] PeerLink& previous() const { return *previous_; }

  [[nodiscard]] PeerLink& next() const { return *next_; }

  // What PassOn began.
  struct Passed {
    TransferEvents received;
    EventPtr sent;
  };

  // Sends one slot to the next stage and receives another from the one before,
  // at the same time and without an order between the two. All stages call it
  // alike. REQUIRES: not alone.
  [[nodiscard]] absl::StatusOr<Passed> PassOn(const BoundarySlot& to_send,
                                              const BoundarySlot& to_receive);

  // Of both links; a failure of one ends the wait for the other.
  [[nodiscard]] absl::Status Flush(absl::Time deadline);
  void Abort(const absl::Status& reason);
  [[nodiscard]] int64_t bytes_sent() const;

 private:
  NeighbourLinks(PeerLink* previous, PeerLink* next, int32_t stages)
      : previous_(previous), next_(next), stages_(stages) {}

  [[nodiscard]] bool are_one() const { return previous_ == next_; }

  PeerLink* previous_;
  PeerLink* next_;
  int32_t stages_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_NEIGHBOUR_LINKS_H_
