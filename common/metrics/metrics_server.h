// Serves a process' metrics to Prometheus and its health to anybody.
#ifndef HP_COMMON_METRICS_METRICS_SERVER_H_
#define HP_COMMON_METRICS_METRICS_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/metrics/metrics_registry.h"

namespace halfpipe {

// GET /metrics: the registry's text. GET /healthz: 200 "ok", or 503 and a
// reason. Two threads of its own; everything is plain HTTP without
// authentication, which is why the default address is on loopback.
class MetricsServer {
 public:
  // Empty: healthy. Else why not. Called from the server's threads.
  using HealthCheck = std::function<std::string()>;

  // Listens on "host:port" ("[::1]:port" for IPv6); port 0 takes a free one.
  // `registry` outlives the server. Codes: InvalidArgument an address that is
  // none; AlreadyExists the port is in use (the message names it);
  // Unavailable the address is not one of this machine.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address, MetricsRegistry* registry,
      HealthCheck health = [] { return std::string(); });
  // Stops; waits for the requests that are being answered.
  ~MetricsServer();

  // "host:port" with the real port.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct Server;

  MetricsServer(std::unique_ptr<Server> server, std::string address);

  std::unique_ptr<Server> server_;
  std::string address_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_METRICS_SERVER_H_
