// CoordinatorClient over gRPC, for the stage processes. No gRPC type is here:
// the programs that call it also link libtorch.
#ifndef HP_STAGE_SERVE_GRPC_COORDINATOR_CLIENT_H_
#define HP_STAGE_SERVE_GRPC_COORDINATOR_CLIENT_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/auth/connection.h"
#include "common/base/ids.h"
#include "stage/runtime/coordinator_client.h"

namespace halfpipe {

struct CoordinatorClientOptions {
  std::string address;  // "host:port" or "unix:/path"
  // How long a call that is answered at once may take, connecting included.
  absl::Duration call_timeout = absl::Seconds(10);
  ConnectionSecurity security = {};
};

// Connects at the first call. The identity is that of the last Register; the
// other calls before it return FailedPrecondition. Heartbeats have a
// connection of their own. FailedPrecondition "not registered" from
// NextCommand, Report or Heartbeat: call Register again. Thread-safe.
[[nodiscard]] std::unique_ptr<CoordinatorClient> NewGrpcCoordinatorClient(
    const CoordinatorClientOptions& options);

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_GRPC_COORDINATOR_CLIENT_H_
