#include "stage/link/socket_io.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

// How often a wait looks at the stop token.
constexpr absl::Duration kStopCheckInterval = absl::Milliseconds(20);

absl::Status PeerGone() {
  return absl::AbortedError("the peer has closed the link");
}

absl::Status SocketError(absl::string_view what) {
  if (errno == EPIPE || errno == ECONNRESET) return PeerGone();
  return absl::AbortedError(
      absl::StrCat("link socket, ", what, ": ", std::strerror(errno)));
}

// Waits for any of `events`; the events that came, 0 after a slice.
absl::StatusOr<int> PollSlice(int fd, int16_t events, absl::Time deadline,
                              const std::stop_token& stop) {
  if (stop.stop_requested()) return absl::CancelledError("join abandoned");
  const absl::Time now = SteadyNow();
  if (now >= deadline) {
    return absl::DeadlineExceededError("the peer did not answer in time");
  }
  pollfd entry{fd, events, 0};
  const auto slice = std::min(kStopCheckInterval, deadline - now);
  const int timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(slice)) + 1;
  if (poll(&entry, 1, timeout_ms) < 0 && errno != EINTR) {
    return SocketError("poll");
  }
  return entry.revents;
}

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

absl::Status SendAll(int fd, const void* data, size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = send(fd, next, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return SocketError("send");
    next += sent;
    size -= static_cast<size_t>(sent);
  }
  return absl::OkStatus();
}

absl::Status ReceiveAll(int fd, void* data, size_t size) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t received = recv(fd, next, size, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return SocketError("receive");
    if (received == 0) return PeerGone();
    next += received;
    size -= static_cast<size_t>(received);
  }
  return absl::OkStatus();
}

absl::Status WaitReadable(int fd, absl::Time deadline,
                          const std::stop_token& stop) {
  while (true) {
    HP_ASSIGN_OR_RETURN(int ready, PollSlice(fd, POLLIN, deadline, stop));
    if (ready != 0) return absl::OkStatus();
  }
}

absl::Status ExchangeAll(int fd, const Exchanged& exchanged,
                         absl::Time deadline, const std::stop_token& stop) {
  const char* to_send = static_cast<const char*>(exchanged.send);
  char* to_fill = static_cast<char*>(exchanged.receive);
  size_t send_left = exchanged.send_size;
  size_t receive_left = exchanged.receive_size;
  while (send_left > 0 || receive_left > 0) {
    const int16_t wanted = static_cast<int16_t>(
        (send_left > 0 ? POLLOUT : 0) | (receive_left > 0 ? POLLIN : 0));
    HP_ASSIGN_OR_RETURN(int ready, PollSlice(fd, wanted, deadline, stop));
    if (send_left > 0 && (ready & POLLOUT) != 0) {
      const ssize_t sent =
          send(fd, to_send, send_left, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return SocketError("send");
      }
      to_send += std::max<ssize_t>(sent, 0);
      send_left -= static_cast<size_t>(std::max<ssize_t>(sent, 0));
    }
    if (receive_left > 0 && (ready & (POLLIN | POLLHUP)) != 0) {
      const ssize_t received = recv(fd, to_fill, receive_left, MSG_DONTWAIT);
      if (received < 0 && errno != EAGAIN && errno != EINTR) {
        return SocketError("receive");
      }
      if (received == 0) return PeerGone();
      to_fill += std::max<ssize_t>(received, 0);
      receive_left -= static_cast<size_t>(std::max<ssize_t>(received, 0));
    }
    if ((ready & (POLLERR | POLLNVAL)) != 0) return PeerGone();
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
