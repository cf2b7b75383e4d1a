// The wire between a stage and one of its neighbours: NCCL between GPUs, a Unix
// socket between CPU processes, a queue inside one process in tests.
#ifndef HP_STAGE_RUNTIME_PEER_LINK_H_
#define HP_STAGE_RUNTIME_PEER_LINK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stage/runtime/buffer_view.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// When a transfer began to move bytes and when it was complete.
struct TransferEvents {
  EventPtr started;
  EventPtr done;
};

// Moves bytes to and from the one peer, in the order of the calls; both sides
// issue matching calls in the same global order (common/pipeline's lowering
// fixes it), and shapes never travel: both know them.
//
// Thread rule: Send, Receive, Exchange and Flush from one thread; Abort and
// bytes_sent from any.
// A call only enqueues and returns; it never waits for the peer. An error of
// the wire surfaces in the next call, in `done`, and in Flush. After the first
// error or Abort every call returns Aborted, and only a new link helps.
class PeerLink {
 public:
  virtual ~PeerLink() = default;

  // Sends the buffers once `after` is set (nullptr: at once). The caller keeps
  // them alive and unchanged until `done`.
  [[nodiscard]] virtual absl::StatusOr<TransferEvents> Send(
      const std::vector<BufferView>& buffers, EventPtr after) = 0;

  // Receives into the buffers once `after` is set. They must not be touched
  // until `done`.
  [[nodiscard]] virtual absl::StatusOr<TransferEvents> Receive(
      const std::vector<BufferView>& buffers, EventPtr after) = 0;

  // Sends one set and receives another at the same time: for values that both
  // sides need (gradient norms), without an order between the two.
  [[nodiscard]] virtual absl::StatusOr<TransferEvents> Exchange(
      const std::vector<BufferView>& to_send,
      const std::vector<BufferView>& to_receive, EventPtr after) = 0;

  // Waits on the host until everything that was enqueued is done.
  // DeadlineExceeded past the deadline (the link stays usable), Aborted.
  [[nodiscard]] virtual absl::Status Flush(absl::Time deadline) = 0;

  // Ends every wait, here and at the peer, within 10 s. `reason` is what the
  // calls return from then on. A second Abort does nothing.
  virtual void Abort(const absl::Status& reason) = 0;

  // Payload bytes sent since the link was made.
  [[nodiscard]] virtual int64_t bytes_sent() const = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_PEER_LINK_H_
