// Serves a process' metrics to Prometheus and its health to anybody.
#ifndef HP_COMMON_METRICS_METRICS_SERVER_H_
#define HP_COMMON_METRICS_METRICS_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/metrics/http_port.h"
#include "common/metrics/metrics_registry.h"
#include "common/metrics/request_gate.h"

namespace halfpipe {

// GET /metrics: the registry's text. GET /healthz: 200 "ok", or 503 and a
// reason, by a thread of its own. And the routes that it is given. 401 to
// whoever may not read, for any path but that of an open route; 403 to a
// request for another host's name (RequestGate). What strangers can ask of it
// is bounded: HttpPort.
class MetricsServer {
 public:
  // Empty: healthy. Else why not. Called from one thread of the server; waits
  // for nobody.
  using HealthCheck = std::function<std::string()>;

  // Listens on "host:port" ("[::1]:port" for IPv6); port 0 takes a free one.
  // `registry` outlives the server. `any_port`: a free one, too, where the port
  // is in use. Codes: InvalidArgument an address that is none; AlreadyExists
  // the port is in use (the message names it); Unavailable the address is not
  // one of this machine; InvalidArgument the certificate and key are of no use.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address, MetricsRegistry* registry,
      HealthCheck health = [] { return std::string(); },
      const MetricsSecurity& security = {},
      const std::vector<HttpRoute>& routes = {}, bool any_port = false);
  // Stops; waits for the requests that are being answered.
  ~MetricsServer();

  // "host:port" with the real port.
  [[nodiscard]] const std::string& address() const;

 private:
  explicit MetricsServer(std::unique_ptr<HttpPort> port);

  std::unique_ptr<HttpPort> port_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_METRICS_SERVER_H_
