// The wire between two stage processes of one machine without GPUs: a Unix
// domain socket.
#ifndef HP_STAGE_LINK_LOCAL_PEER_LINK_H_
#define HP_STAGE_LINK_LOCAL_PEER_LINK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "stage/link/link_options.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// Makes a folder that only this user can enter, and returns the path of the
// socket that the lower rank will listen on in it, a line feed, and a random
// nonce of 64 hex digits. CreateLocalPeerLink on that rank removes the folder
// again.
// Unavailable when no folder can be made.
[[nodiscard]] absl::StatusOr<std::string> MakeLocalRendezvous();

// Joins the two: the lower rank listens, the other connects; then both compare
// protocol version, nonce, epoch and boundary digest, and send a known pattern
// each way. Blocks up to `join_timeout`. Codes: DeadlineExceeded the peer never
// came; FailedPrecondition it is of another version, epoch or boundary;
// DataLoss the pattern arrived damaged; InvalidArgument the rendezvous is
// malformed, or the ranks are one; Aborted the peer went away.
[[nodiscard]] absl::StatusOr<std::unique_ptr<PeerLink>> CreateLocalPeerLink(
    const LinkOptions& options);

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_LOCAL_PEER_LINK_H_
