// A link over a connected stream socket: what the local and the loopback link
// are made of.
#ifndef HP_STAGE_LINK_SOCKET_PEER_LINK_H_
#define HP_STAGE_LINK_SOCKET_PEER_LINK_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "stage/link/socket_io.h"
#include "stage/link/transfer_queue.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// One thread sends and one receives, so that the directions are independent:
// an exchange cannot deadlock and large sends of both sides overlap. Each
// transfer travels behind a header with its number and size, by which a
// mismatch of the two sides' calls is found instead of read as data.
// Buffers are host memory.
class SocketPeerLink : public PeerLink {
 public:
  // Takes a connected, blocking stream socket.
  explicit SocketPeerLink(OwnedFd socket);
  // Aborts what is still open; Flush first to finish it.
  ~SocketPeerLink() override;

  [[nodiscard]] absl::StatusOr<TransferEvents> Send(
      const std::vector<BufferView>& buffers, EventPtr after) override;
  [[nodiscard]] absl::StatusOr<TransferEvents> Receive(
      const std::vector<BufferView>& buffers, EventPtr after) override;
  [[nodiscard]] absl::StatusOr<TransferEvents> Exchange(
      const std::vector<BufferView>& to_send,
      const std::vector<BufferView>& to_receive, EventPtr after) override;
  [[nodiscard]] absl::Status Flush(absl::Time deadline) override;
  void Abort(const absl::Status& reason) override;

  [[nodiscard]] int64_t bytes_sent() const override { return bytes_sent_; }

 private:
  absl::Status status() const;
  void SendLoop();
  void ReceiveLoop();
  void WatchLoop();
  absl::Status SendJob(const TransferJob& job, int64_t number);
  absl::Status ReceiveJob(const TransferJob& job, int64_t number);
  // Waits for the job's `after`, in slices, since an abort does not set it.
  absl::Status AwaitTurn(const TransferJob& job) const;

  const OwnedFd socket_;
  TransferQueue to_send_;
  TransferQueue to_receive_;
  std::atomic<int64_t> bytes_sent_{0};
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);  // OK until the first error
  std::thread sender_;
  std::thread receiver_;
  std::thread watcher_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_SOCKET_PEER_LINK_H_
