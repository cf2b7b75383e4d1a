// The gRPC server with both services, health and reflection.
#ifndef HP_COORDINATOR_API_COORDINATOR_SERVER_H_
#define HP_COORDINATOR_API_COORDINATOR_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/service_config.h"
#include "coordinator/api/server_credentials.h"
#include "coordinator/page/page_sessions.h"
#include "coordinator/schedule/coordinator.h"

namespace halfpipe {

// What main() has decided about strangers.
struct ServerOptions {
  ServerSecurity security = {};
  ServiceLimits limits = {};
  PageAccess page = {};
};

// Serves until it is destroyed. Thread-safe but for Tick: one thread.
class CoordinatorServer {
 public:
  // Listens on "host:port" (port 0 takes a free one) or "unix:/path", with
  // what `options` asks of clients. Nothing here keeps an address that others
  // can reach from being open: OpenServiceSecurity does. `coordinator` outlives
  // it. AlreadyExists: the port is in use, or the address is not one of this
  // machine.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(
      const std::string& address, Coordinator* coordinator,
      const ServerOptions& options = {});
  // Shutdown with no time for anybody.
  ~CoordinatorServer();

  // Logs calls that gRPC refused by itself, some seconds later, follows the
  // tokens, and ends what a removed one has open. Every 100 ms.
  void Tick(absl::Time now);

  // Closes the coordinator, so that its waits end, and gives running calls
  // `grace` to end. Call once.
  void Shutdown(absl::Duration grace);

  // As given, with the real port.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct Parts;

  CoordinatorServer(std::unique_ptr<Parts> parts, std::string address);

  std::unique_ptr<Parts> parts_;
  std::string address_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_COORDINATOR_SERVER_H_
