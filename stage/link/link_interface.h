// Which network interface NCCL's bootstrap listens on.
//
// Before two ranks share GPU memory they find each other over TCP: whoever made
// the rendezvous listens, and NCCL authenticates nobody. So it listens on
// loopback, where two stages of one machine meet, or on the one interface that
// an operator named. The rendezvous itself, with address and id, only travels
// over gRPC.
#ifndef HP_STAGE_LINK_LINK_INTERFACE_H_
#define HP_STAGE_LINK_LINK_INTERFACE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Has NCCL use the interface `name` ("eth0") alone, in this process and in one
// that replaces it. Empty: what NCCL_SOCKET_IFNAME says, else loopback. Sets
// that variable, which NCCL reads once: call it before other threads run.
void SetLinkInterface(const std::string& name);

// Where this process's loopback reaches: the same text in two processes that
// can talk over it, that is of one running machine and network namespace.
[[nodiscard]] std::string LoopbackReach();

// Whether this rank can meet the maker of a rendezvous, which had
// `peer_reach`: always over a named interface. FailedPrecondition: over
// loopback the two never meet; it says what to set.
[[nodiscard]] absl::Status CheckLinkReach(absl::string_view peer_reach);

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_LINK_INTERFACE_H_
