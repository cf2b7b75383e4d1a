#include "common/net/listening_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

bool IsAnyAddress(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

// All that `host` stands for; null: nothing.
Addresses Resolve(const std::string& host, int family) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) found = nullptr;
  return {found, &freeaddrinfo};
}

// Names may stand for one address twice.
bool IsNew(const addrinfo* first, const addrinfo* at) {
  for (; first != at; first = first->ai_next) {
    if (first->ai_addrlen == at->ai_addrlen &&
        std::memcmp(first->ai_addr, at->ai_addr, at->ai_addrlen) == 0) {
      return false;
    }
  }
  return true;
}

// -1, with errno.
int Listen(const addrinfo& at, int port) {
  sockaddr_storage address = {};
  std::memcpy(&address, at.ai_addr, at.ai_addrlen);
  const int fd = socket(
      at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -1;
  const int yes = 1;
  const int no = 0;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  // Connections inherit it: small messages do not wait for one another.
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  in_port_t* at_port = nullptr;
  if (at.ai_family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
    at_port = &v6->sin6_port;
    const bool is_any = IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &no : &yes,
                     sizeof(int));
  } else {
    at_port = &reinterpret_cast<sockaddr_in*>(&address)->sin_port;
  }
  *at_port = htons(static_cast<uint16_t>(port));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), at.ai_addrlen) ==
          0 &&
      listen(fd, SOMAXCONN) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// 0 where the kernel does not say.
int PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return 0;
  }
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

absl::Status CannotListen(const std::string& address, int error) {
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat(address, " is in use by another program"));
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", std::strerror(error),
                   ": is it an address of this machine?"));
}

}  // namespace

absl::StatusOr<ListeningSockets> ListeningSockets::Open(
    const std::string& address) {
  HP_ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(address));
  ListeningSockets sockets;
  int error = EADDRNOTAVAIL;
  if (!IsAnyAddress(parsed.host)) {
    error = sockets.Add(parsed.host, AF_UNSPEC, parsed.port);
  } else {
    error = sockets.Add("::", AF_INET6, parsed.port);
    // A machine without IPv6.
    if (sockets.fds_.empty() && error != EADDRINUSE) {
      error = sockets.Add("0.0.0.0", AF_INET, parsed.port);
    }
  }
  if (sockets.fds_.empty() || error == EADDRINUSE) {
    return CannotListen(address, error);
  }
  sockets.address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":",
                                  PortOf(sockets.fds_.front()));
  return sockets;
}

int ListeningSockets::Add(const std::string& host, int family, int port) {
  const Addresses found = Resolve(host, family);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    if (!IsNew(found.get(), at)) continue;
    const int fd = Listen(*at, port);
    if (fd >= 0) {
      fds_.push_back(fd);
      port = PortOf(fd);
      continue;
    }
    error = errno;
    // Otherwise half of a name would be another program's.
    if (error == EADDRINUSE) return error;
  }
  return error;
}

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : fds_(std::exchange(other.fds_, {})),
      address_(std::move(other.address_)) {}

ListeningSockets::~ListeningSockets() { Close(); }

void ListeningSockets::Close() {
  for (const int fd : std::exchange(fds_, {})) close(fd);
}

}  // namespace halfpipe
