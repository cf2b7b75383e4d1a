// Serves a process' metrics to Prometheus and its health to anybody.
#ifndef HP_COMMON_METRICS_METRICS_SERVER_H_
#define HP_COMMON_METRICS_METRICS_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/metrics/http_route.h"
#include "common/metrics/metrics_registry.h"

namespace halfpipe {

// Who may read. By default everybody, over plain HTTP, which is for an address
// that only this machine can reach.
struct MetricsSecurity {
  std::string certificate = {};  // PEM files; empty: plain HTTP
  std::string key = {};
  // Whether the bearer of this token may read; null: nobody is asked for one.
  // Called from the server's threads.
  std::function<bool(absl::string_view token)> may_read = nullptr;
  // Whether this is the value of the session's cookie (kSessionCookie) of
  // somebody who may read; null: there are no sessions. As above.
  std::function<bool(absl::string_view session)> has_session = nullptr;
};

// __Host-: browsers take it only over HTTPS, for this host, for all paths.
inline constexpr absl::string_view kSessionCookie = "__Host-halfpipe";

// GET /metrics: the registry's text. GET /healthz: 200 "ok", or 503 and a
// reason. And the routes that it is given, whose answers are neither stored nor
// framed nor may they load anything from elsewhere. 401 to whoever may not
// read, for any path but that of an open route. Where everybody may, a route
// answers 403 to a request for another host's name: a page of that host has
// lent its name to this machine's address. Eight threads of its own.
class MetricsServer {
 public:
  // Empty: healthy. Else why not. Called from the server's threads.
  using HealthCheck = std::function<std::string()>;

  // Listens on "host:port" ("[::1]:port" for IPv6); port 0 takes a free one.
  // `registry` outlives the server. Codes: InvalidArgument an address that is
  // none; AlreadyExists the port is in use (the message names it);
  // Unavailable the address is not one of this machine; InvalidArgument the
  // certificate and key are of no use.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address, MetricsRegistry* registry,
      HealthCheck health = [] { return std::string(); },
      const MetricsSecurity& security = {},
      const std::vector<HttpRoute>& routes = {});
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
