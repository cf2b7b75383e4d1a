#include "common/link/loopback_peer_link.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/link/socket_peer_link.h"

namespace halfpipe {

absl::StatusOr<std::pair<std::unique_ptr<PeerLink>, std::unique_ptr<PeerLink>>>
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
