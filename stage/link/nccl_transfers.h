// PeerLink over an NCCL communicator and a CUDA stream of its own.
#ifndef HP_STAGE_LINK_NCCL_TRANSFERS_H_
#define HP_STAGE_LINK_NCCL_TRANSFERS_H_

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "stage/link/nccl_communicator.h"
#include "stage/link/peer_watch.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// Enqueues each transfer as one group of ncclSend / ncclRecv of bytes on a
// stream of the highest priority, behind `after`. A buffer set is one group,
// so its tensors travel together.
class NcclPeerLink : public PeerLink {
 public:
  // Makes the stream on `device`, which is current afterwards.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NcclPeerLink>> Create(
      std::unique_ptr<NcclCommunicator> communicator, LinkEnd end, int device);
  ~NcclPeerLink() override;

  // Aborts the link when that process ends, where it can be seen from here.
  // Call it once, before the link is used by others.
  void WatchPeer(const ProcessIdentity& peer);

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
  NcclPeerLink(std::shared_ptr<NcclCommunicator> communicator, LinkEnd end,
               int device, cudaStream_t stream);

  absl::StatusOr<TransferEvents> Enqueue(
      const std::vector<BufferView>& to_send,
      const std::vector<BufferView>& to_receive, const EventPtr& after);
  absl::StatusOr<EventPtr> Record();

  // Shared with the events, which may outlive the link.
  const std::shared_ptr<NcclCommunicator> communicator_;
  const int peer_;  // its rank in the communicator
  const int device_;
  const cudaStream_t stream_;
  std::atomic<int64_t> bytes_sent_{0};
  std::unique_ptr<PeerWatch> watch_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_NCCL_TRANSFERS_H_
