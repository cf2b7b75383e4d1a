// Both ends of a link inside one process.
#ifndef HP_TESTS_SUPPORT_LOOPBACK_PEER_LINK_H_
#define HP_TESTS_SUPPORT_LOOPBACK_PEER_LINK_H_

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "stage/link/socket_peer_link.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// Two joined ends over a socket pair: the bytes really move, in the order of
// the calls, through the same code as the local link, so a wrong order or a
// lost transfer shows. Useful for tests of a whole step in one process.
[[nodiscard]] inline absl::StatusOr<
    std::pair<std::unique_ptr<PeerLink>, std::unique_ptr<PeerLink>>>
MakeLoopbackPair() {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot make a socket pair: ", std::strerror(errno)));
  }
  return std::pair<std::unique_ptr<PeerLink>, std::unique_ptr<PeerLink>>(
      std::make_unique<SocketPeerLink>(OwnedFd(ends[0])),
      std::make_unique<SocketPeerLink>(OwnedFd(ends[1])));
}

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_LOOPBACK_PEER_LINK_H_
