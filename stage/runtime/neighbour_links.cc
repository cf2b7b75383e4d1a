#include "stage/runtime/neighbour_links.h"

#include "common/base/status.h"

namespace halfpipe {

NeighbourLinks NeighbourLinks::ToPeer(PeerLink* link) {
  return {link, link, link == nullptr ? 1 : 2};
}

NeighbourLinks NeighbourLinks::InRing(PeerLink* previous, PeerLink* next,
                                      int32_t stages) {
  HP_CHECK(previous != nullptr && next != nullptr && previous != next);
  HP_CHECK(stages >= 3);
  return {previous, next, stages};
}

absl::StatusOr<NeighbourLinks::Passed> NeighbourLinks::PassOn(
    const BoundarySlot& to_send, const BoundarySlot& to_receive) {
  if (are_one()) {
    // The room to receive into is free for the whole step; what must be waited
    // for is that what is sent is there.
    HP_ASSIGN_OR_RETURN(
        TransferEvents events,
        next_->Exchange(to_send.buffers, to_receive.buffers, to_send.ready));
    return Passed{events, events.done};
  }
  HP_ASSIGN_OR_RETURN(TransferEvents sent,
                      next_->Send(to_send.buffers, to_send.ready));
  HP_ASSIGN_OR_RETURN(TransferEvents received,
                      previous_->Receive(to_receive.buffers, to_receive.ready));
  return Passed{received, sent.done};
}

absl::Status NeighbourLinks::Flush(absl::Time deadline) {
  if (alone()) return absl::OkStatus();
  const absl::Status first = previous_->Flush(deadline);
  const bool waits = absl::IsDeadlineExceeded(first);
  if (are_one() || (!first.ok() && !waits)) return first;
  const absl::Status second = next_->Flush(deadline);
  return second.ok() ? first : second;
}

void NeighbourLinks::Abort(const absl::Status& reason) {
  if (alone()) return;
  previous_->Abort(reason);
  if (!are_one()) next_->Abort(reason);
}

int64_t NeighbourLinks::bytes_sent() const {
  if (alone()) return 0;
  return previous_->bytes_sent() + (are_one() ? 0 : next_->bytes_sent());
}

}  // namespace halfpipe
