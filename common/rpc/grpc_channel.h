// How every client of ours connects.
#ifndef HP_COMMON_RPC_GRPC_CHANNEL_H_
#define HP_COMMON_RPC_GRPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/auth/connection.h"
#include "grpc/support/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"

namespace halfpipe {

// The largest message that a client of ours sends or takes; the server has a
// limit of its own (limits.message_size).
inline constexpr int kMaxMessageBytes = 256 << 20;

// A channel to "host:port" or "unix:/path". Keep-alive pings
// find a dead peer within 30 s even while a call waits; reconnects back off
// to 2 s, so that stages are back soon after the coordinator is.
// `own_connection`: shares no TCP connection with other channels of this
// process.
[[nodiscard]] std::shared_ptr<grpc::Channel> NewChannel(
    const std::string& address, const ConnectionSecurity& security,
    bool own_connection = false);

// So long from now, on gRPC's monotonic clock: what its own calls with a
// deadline take. A negative time is none.
[[nodiscard]] gpr_timespec DeadlineIn(absl::Duration time);

// Sets the call's deadline. With `wait`, a connection that is not there is
// waited for instead of failing at once.
void PrepareCall(absl::Duration timeout, bool wait,
                 grpc::ClientContext* context);

// Says which call it was and what `peer` ("the service at X") did, where gRPC
// says nothing: a message that one of the two could not read, a call that the
// other side does not have. Any other status stays as it is.
[[nodiscard]] absl::Status ExplainRefusal(absl::string_view method,
                                          absl::string_view peer,
                                          const absl::Status& status);

// gRPC's own words about a message that the server finds too large do not say
// whose limit it was; any other status stays as it is.
[[nodiscard]] absl::Status ExplainSizeLimit(const absl::Status& status);

// How a client of ours shows who it is and checks whom it talks to: TLS to
// "host:port" with a CA, mutual with a certificate; the files are read
// again when they change, so that a long-lived stage needs no restart for a new
// certificate. The token goes with every call as "authorization: Bearer ...",
// over TLS or to this machine alone. Unix sockets never speak TLS. `security`
// is LoadConnectionSecurity's.
[[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(
    const std::string& address, const ConnectionSecurity& security);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_GRPC_CHANNEL_H_
