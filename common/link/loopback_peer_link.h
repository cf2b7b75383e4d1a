// Both ends of a link inside one process.
#ifndef HP_COMMON_LINK_LOOPBACK_PEER_LINK_H_
#define HP_COMMON_LINK_LOOPBACK_PEER_LINK_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/runtime/peer_link.h"

namespace halfpipe {

// Two joined ends over a socket pair: the bytes really move, in the order of
// the calls, through the same code as the local link, so a wrong order or a
// lost transfer shows. Useful for tests of a whole step in one process.
[[nodiscard]] absl::StatusOr<
    std::pair<std::unique_ptr<PeerLink>, std::unique_ptr<PeerLink>>>
MakeLoopbackPair();

}  // namespace halfpipe

#endif  // HP_COMMON_LINK_LOOPBACK_PEER_LINK_H_
