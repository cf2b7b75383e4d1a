#include "support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/time/clock.h"
#include "common/base/address.h"

namespace halfpipe {

RawClient::RawClient(const std::string& address) {
  const absl::StatusOr<HostPort> at = ParseHostPort(address);
  if (!at.ok()) return;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(at->port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval patience = {.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    close(std::exchange(fd_, -1));
  }
}

RawClient::~RawClient() {
  if (fd_ >= 0) close(fd_);
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

bool RawClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string RawClient::ReadAll(absl::Duration time) {
  const absl::Time until = absl::Now() + time;
  std::string all;
  char buffer[1 << 14];
  while (true) {
    pollfd readable = {.fd = fd_, .events = POLLIN, .revents = 0};
    const int64_t left = absl::ToInt64Milliseconds(until - absl::Now());
    if (left <= 0 || poll(&readable, 1, static_cast<int>(left)) <= 0) {
      return all;
    }
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) return all;
    all.append(buffer, static_cast<size_t>(got));
  }
}

bool RawClient::IsClosedWithin(absl::Duration time) {
  const absl::Time until = absl::Now() + time;
  (void)ReadAll(time);
  return absl::Now() < until;
}

}  // namespace halfpipe
