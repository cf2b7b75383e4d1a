// The wire between two GPUs: one NCCL communicator of two ranks, whichever
// stages of how many they are. Compiled only with HP_WITH_CUDA.
#ifndef HP_STAGE_LINK_NCCL_PEER_LINK_H_
#define HP_STAGE_LINK_NCCL_PEER_LINK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "stage/link/link_options.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// Makes the unique id that the two ends of a link join with, and says which
// transport this process uses: opaque bytes.
[[nodiscard]] absl::StatusOr<std::string> MakeNcclRendezvous();

// Joins the pair, compares protocol version, epoch and boundary digest, and
// sends a checksummed pattern each way.
//
// If the pattern fails or hangs past `join_timeout` (cards without working
// peer access), the pair must be formed again without peer access, and if that
// fails too, without shared memory (over sockets). NCCL reads the variables for
// it once in a process's life: the error is then Unavailable with a restart
// environment (stage/runtime/restart_environment.h), at both ends, and
// main() starts the program afresh with it; rank 0's next rendezvous names the
// transport, and a rank 1 that has another one restarts likewise.
//
// Buffers of the link are device memory of `options.device`; `after` events
// must be native. Events are timed CUDA events.
// Codes: DeadlineExceeded the peer never came; FailedPrecondition it is of
// another version, epoch or boundary, or on another machine while the link may
// only use loopback (link_interface.h); Cancelled by `options.stop`;
// InvalidArgument the rendezvous is malformed; Unavailable form the pair again
// as above; Aborted or DataLoss the last transport fails too; Internal a fault
// of the device.
[[nodiscard]] absl::StatusOr<std::unique_ptr<PeerLink>> CreateNcclPeerLink(
    const LinkOptions& options);

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_NCCL_PEER_LINK_H_
