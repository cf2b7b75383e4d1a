// The wire between two GPUs: one NCCL communicator of two ranks. Compiled only
// with HP_WITH_CUDA.
#ifndef HP_COMMON_LINK_NCCL_PEER_LINK_H_
#define HP_COMMON_LINK_NCCL_PEER_LINK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/link/link_options.h"
#include "common/runtime/peer_link.h"

namespace halfpipe {

// Makes the unique ids that rank 0 invites rank 1 with: opaque bytes, one id
// for each way of forming the pair that CreateNcclPeerLink may try.
[[nodiscard]] absl::StatusOr<std::string> MakeNcclRendezvous();

// Joins the pair and sends a checksummed pattern each way. If that fails or
// hangs past `join_timeout` (cards without working peer access), the pair is
// formed again without peer access, then without shared memory too (over
// sockets), with a warning in the log. Both ends take the same steps.
//
// Buffers of the link are device memory of `options.device`; `after` events
// must be native. Events are timed CUDA events.
// Codes: as CreateLocalPeerLink; Unavailable no way of forming the pair
// worked; Internal a CUDA or NCCL fault.
[[nodiscard]] absl::StatusOr<std::unique_ptr<PeerLink>> CreateNcclPeerLink(
    const LinkOptions& options);

}  // namespace halfpipe

#endif  // HP_COMMON_LINK_NCCL_PEER_LINK_H_
