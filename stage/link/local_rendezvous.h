// Where two processes of one machine meet: a socket in a private folder.
#ifndef HP_STAGE_LINK_LOCAL_RENDEZVOUS_H_
#define HP_STAGE_LINK_LOCAL_RENDEZVOUS_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "stage/link/socket_io.h"

namespace halfpipe {

// The two parts of MakeLocalRendezvous's value.
struct LocalRendezvous {
  std::string socket_path;
  std::string nonce;
};

// InvalidArgument when the text is not of the form "PATH\nNONCE".
[[nodiscard]] absl::StatusOr<LocalRendezvous> ParseLocalRendezvous(
    absl::string_view text);

// Listens at the path, takes one connection, and removes the socket and its
// folder. `peer`: who is to come, for messages. DeadlineExceeded when nobody
// came, Cancelled by `stop`.
[[nodiscard]] absl::StatusOr<OwnedFd> AcceptPeer(const std::string& socket_path,
                                                 Rank peer, absl::Time deadline,
                                                 const std::stop_token& stop);

// Connects to the path as soon as somebody listens there.
[[nodiscard]] absl::StatusOr<OwnedFd> ConnectToPeer(
    const std::string& socket_path, Rank peer, absl::Time deadline,
    const std::stop_token& stop);

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_LOCAL_RENDEZVOUS_H_
