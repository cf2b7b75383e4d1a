// How every client of ours connects.
#ifndef HP_COMMON_RPC_GRPC_CHANNEL_H_
#define HP_COMMON_RPC_GRPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace halfpipe {

// The largest message either side takes. A scan of 100,000 clips with long
// prompts is the largest there is.
inline constexpr int kMaxMessageBytes = 256 << 20;

// A channel without transport security to "host:port" or "unix:/path": the
// service listens on loopback unless it is told otherwise. Keep-alive pings
// find a dead peer within 30 s even while a call waits; reconnects back off
// to 2 s, so that stages are back soon after the coordinator is.
// `own_connection`: shares no TCP connection with other channels of this
// process.
[[nodiscard]] std::shared_ptr<grpc::Channel> NewChannel(
    const std::string& address, bool own_connection = false);

// Sets the call's deadline. With `wait`, a connection that is not there is
// waited for instead of failing at once.
void PrepareCall(absl::Duration timeout, bool wait,
                 grpc::ClientContext* context);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_GRPC_CHANNEL_H_
