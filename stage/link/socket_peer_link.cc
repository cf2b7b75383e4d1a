#include "stage/link/socket_peer_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kAbortCheckInterval = absl::Milliseconds(50);

// In front of every transfer.
struct Header {
  int64_t number = 0;  // of the sender's sends, from 0
  int64_t bytes = 0;
};

int64_t TotalBytes(const std::vector<BufferView>& buffers) {
  int64_t total = 0;
  for (const BufferView& buffer : buffers) {
    total += static_cast<int64_t>(buffer.bytes);
  }
  return total;
}

}  // namespace

SocketPeerLink::SocketPeerLink(OwnedFd socket)
    : socket_(std::move(socket)),
      sender_([this] { SendLoop(); }),
      receiver_([this] { ReceiveLoop(); }),
      watcher_([this] { WatchLoop(); }) {}

SocketPeerLink::~SocketPeerLink() {
  Abort(absl::AbortedError("the link was closed"));
  sender_.join();
  receiver_.join();
  watcher_.join();
}

absl::StatusOr<TransferEvents> SocketPeerLink::Send(
    const std::vector<BufferView>& buffers, EventPtr after) {
  auto transfer = std::make_shared<PendingTransfer>(1);
  HP_RETURN_IF_ERROR(to_send_.Add({buffers, std::move(after), transfer}));
  return transfer->events();
}

absl::StatusOr<TransferEvents> SocketPeerLink::Receive(
    const std::vector<BufferView>& buffers, EventPtr after) {
  auto transfer = std::make_shared<PendingTransfer>(1);
  HP_RETURN_IF_ERROR(to_receive_.Add({buffers, std::move(after), transfer}));
  return transfer->events();
}

absl::StatusOr<TransferEvents> SocketPeerLink::Exchange(
    const std::vector<BufferView>& to_send,
    const std::vector<BufferView>& to_receive, EventPtr after) {
  auto transfer = std::make_shared<PendingTransfer>(2);
  HP_RETURN_IF_ERROR(to_receive_.Add({to_receive, after, transfer}));
  HP_RETURN_IF_ERROR(to_send_.Add({to_send, std::move(after), transfer}));
  return transfer->events();
}

absl::Status SocketPeerLink::Flush(absl::Time deadline) {
  HP_RETURN_IF_ERROR(to_send_.WaitEmpty(deadline));
  return to_receive_.WaitEmpty(deadline);
}

void SocketPeerLink::Abort(const absl::Status& reason) {
  const absl::Status aborted(absl::StatusCode::kAborted, reason.message());
  {
    absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return;
    status_ = aborted;
    // Still under the lock: a thread that comes second must find the queues
    // closed, or it would report its failed job as one that ended.
    to_send_.Close(aborted);
    to_receive_.Close(aborted);
  }
  // Ends the threads' reads and writes here, and the peer's there.
  shutdown(socket_.get(), SHUT_RDWR);
}

absl::Status SocketPeerLink::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void SocketPeerLink::SendLoop() {
  int64_t number = 0;
  while (std::optional<TransferJob> job = to_send_.Take()) {
    const absl::Status sent = SendJob(*job, number++);
    if (!sent.ok()) Abort(sent);
    // After an abort its reason tells more than the broken socket.
    job->transfer->FinishPart(sent.ok() ? sent : status());
    to_send_.Finished();
  }
}

void SocketPeerLink::ReceiveLoop() {
  int64_t number = 0;
  while (std::optional<TransferJob> job = to_receive_.Take()) {
    const absl::Status received = ReceiveJob(*job, number++);
    if (!received.ok()) Abort(received);
    job->transfer->FinishPart(received.ok() ? received : status());
    to_receive_.Finished();
  }
}

// Notices that the peer went away while nothing is under way.
void SocketPeerLink::WatchLoop() {
  while (status().ok()) {
    // Not POLLIN: data that waits for its receive is no news.
    pollfd entry{socket_.get(), 0, 0};
    const auto slice_ms = absl::ToInt64Milliseconds(kAbortCheckInterval);
    poll(&entry, 1, static_cast<int>(slice_ms));
    if ((entry.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0) continue;
    // What the peer sent before it closed may still be read.
    char byte = 0;
    const ssize_t left = recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (left <= 0) {
      Abort(absl::AbortedError("the peer has closed the link"));
      return;
    }
    absl::SleepFor(kAbortCheckInterval);
  }
}

absl::Status SocketPeerLink::AwaitTurn(const TransferJob& job) const {
  if (job.after != nullptr) {
    absl::Status waited;
    do {
      HP_RETURN_IF_ERROR(status());
      waited = job.after->WaitOnHost(SteadyNow() + kAbortCheckInterval);
    } while (absl::IsDeadlineExceeded(waited));
    HP_RETURN_IF_ERROR(waited);
  }
  job.transfer->Begin();
  return absl::OkStatus();
}

absl::Status SocketPeerLink::SendJob(const TransferJob& job, int64_t number) {
  HP_RETURN_IF_ERROR(AwaitTurn(job));
  const Header header{number, TotalBytes(job.buffers)};
  HP_RETURN_IF_ERROR(SendAll(socket_.get(), &header, sizeof(header)));
  for (const BufferView& buffer : job.buffers) {
    HP_RETURN_IF_ERROR(SendAll(socket_.get(), buffer.data, buffer.bytes));
  }
  bytes_sent_ += header.bytes;
  return absl::OkStatus();
}

absl::Status SocketPeerLink::ReceiveJob(const TransferJob& job,
                                        int64_t number) {
  HP_RETURN_IF_ERROR(AwaitTurn(job));
  Header header;
  HP_RETURN_IF_ERROR(ReceiveAll(socket_.get(), &header, sizeof(header)));
  const int64_t expected = TotalBytes(job.buffers);
  if (header.number != number || header.bytes != expected) {
    return absl::AbortedError(absl::StrCat(
        "the stages disagree on a transfer: receive ", number, " expects ",
        expected, " bytes, the peer sent its transfer ", header.number,
        " with ", header.bytes));
  }
  for (const BufferView& buffer : job.buffers) {
    HP_RETURN_IF_ERROR(ReceiveAll(socket_.get(), buffer.data, buffer.bytes));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
