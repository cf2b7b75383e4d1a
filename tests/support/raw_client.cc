#include "support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "common/base/address.h"
#include "common/base/steady_clock.h"

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

bool RawClient::ReadUntilClosed(absl::Duration time, std::string* all) {
  const absl::Time until = SteadyNow() + time;
  char buffer[1 << 14];
  while (true) {
    pollfd readable = {.fd = fd_, .events = POLLIN, .revents = 0};
    const absl::Duration left =
        absl::Ceil(until - SteadyNow(), absl::Milliseconds(1));
    if (left <= absl::ZeroDuration()) return false;
    if (poll(&readable, 1, static_cast<int>(absl::ToInt64Milliseconds(left))) <=
        0) {
      continue;
    }
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) return true;
    all->append(buffer, static_cast<size_t>(got));
  }
}

std::string RawClient::ReadAll(absl::Duration time) {
  std::string all;
  ReadUntilClosed(time, &all);
  return all;
}

bool RawClient::IsClosedWithin(absl::Duration time) {
  std::string all;
  return ReadUntilClosed(time, &all);
}

}  // namespace halfpipe
