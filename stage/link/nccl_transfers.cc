#include "stage/link/nccl_transfers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_errors.h"
#include "stage/gpu/cuda_event.h"

namespace halfpipe {
namespace {

// NCCL takes a group within microseconds once its connections exist, which the
// join has seen to.
constexpr absl::Duration kEnqueueTimeout = absl::Seconds(60);

}  // namespace

absl::StatusOr<std::unique_ptr<NcclPeerLink>> NcclPeerLink::Create(
    std::unique_ptr<NcclCommunicator> communicator, LinkEnd end, int device) {
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(device));
  int lowest = 0;
  int highest = 0;
  HP_CUDA_RETURN_IF_ERROR(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
  cudaStream_t stream = nullptr;
  HP_CUDA_RETURN_IF_ERROR(
      cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, highest));
  return std::unique_ptr<NcclPeerLink>(
      new NcclPeerLink(std::move(communicator), end, device, stream));
}

NcclPeerLink::NcclPeerLink(std::shared_ptr<NcclCommunicator> communicator,
                           LinkEnd end, int device, cudaStream_t stream)
    : communicator_(std::move(communicator)),
      peer_(static_cast<int>(Opposite(end))),
      device_(device),
      stream_(stream) {}

NcclPeerLink::~NcclPeerLink() {
  watch_.reset();
  Abort(absl::AbortedError("the link was closed"));
  cudaStreamDestroy(stream_);
}

void NcclPeerLink::WatchPeer(const ProcessIdentity& peer) {
  watch_ = PeerWatch::Start(peer, [this, pid = peer.pid] {
    Abort(absl::AbortedError(
        absl::StrCat("the peer, process ", pid, ", has ended")));
  });
}

absl::StatusOr<TransferEvents> NcclPeerLink::Send(
    const std::vector<BufferView>& buffers, EventPtr after) {
  return Enqueue(buffers, {}, after);
}

absl::StatusOr<TransferEvents> NcclPeerLink::Receive(
    const std::vector<BufferView>& buffers, EventPtr after) {
  return Enqueue({}, buffers, after);
}

absl::StatusOr<TransferEvents> NcclPeerLink::Exchange(
    const std::vector<BufferView>& to_send,
    const std::vector<BufferView>& to_receive, EventPtr after) {
  return Enqueue(to_send, to_receive, after);
}

absl::StatusOr<TransferEvents> NcclPeerLink::Enqueue(
    const std::vector<BufferView>& to_send,
    const std::vector<BufferView>& to_receive, const EventPtr& after) {
  HP_RETURN_IF_ERROR(communicator_->status());
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(device_));
  if (after != nullptr) {
    if (after->native() == nullptr) {
      return absl::InvalidArgumentError(
          "a transfer between GPUs needs a CUDA event to wait for");
    }
    HP_CUDA_RETURN_IF_ERROR(cudaStreamWaitEvent(
        stream_, static_cast<cudaEvent_t>(after->native()), 0));
  }
  TransferEvents events;
  HP_ASSIGN_OR_RETURN(events.started, Record());
  const auto enqueue = [&](ncclComm_t comm) {
    ncclResult_t result = ncclSuccess;
    const auto keep_first = [&result](ncclResult_t next) {
      if (result == ncclSuccess || result == ncclInProgress) result = next;
    };
    for (const BufferView& buffer : to_send) {
      keep_first(
          ncclSend(buffer.data, buffer.bytes, ncclInt8, peer_, comm, stream_));
    }
    for (const BufferView& buffer : to_receive) {
      keep_first(
          ncclRecv(buffer.data, buffer.bytes, ncclInt8, peer_, comm, stream_));
    }
    return result;
  };
  HP_RETURN_IF_ERROR(
      communicator_->Run(enqueue, SteadyNow() + kEnqueueTimeout));
  for (const BufferView& buffer : to_send) {
    bytes_sent_ += static_cast<int64_t>(buffer.bytes);
  }
  HP_ASSIGN_OR_RETURN(events.done, Record());
  return events;
}

absl::StatusOr<EventPtr> NcclPeerLink::Record() {
  return CudaEvent::Record(
      stream_, [communicator = communicator_] { return communicator->Poll(); });
}

absl::Status NcclPeerLink::Flush(absl::Time deadline) {
  HP_RETURN_IF_ERROR(communicator_->status());
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(device_));
  HP_ASSIGN_OR_RETURN(EventPtr end, Record());
  return end->WaitOnHost(deadline);
}

void NcclPeerLink::Abort(const absl::Status& reason) {
  communicator_->Abort(reason);
}

}  // namespace halfpipe
