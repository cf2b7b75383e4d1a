#include "common/metrics/metrics_server.h"

#include <httplib.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "absl/strings/strip.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

absl::StatusOr<HostPort> ParseAddress(const std::string& address) {
  absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  if (parsed.ok()) return parsed;
  return absl::InvalidArgumentError(
      absl::StrCat("metrics address \"", address,
                   "\": expected host:port, as in 127.0.0.1:9700"));
}

// The library's own default (SO_REUSEPORT) lets two processes share a port,
// and each scrape would reach either.
void TakePortAlone(socket_t socket) {
  const int yes = 1;
  (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

absl::StatusOr<std::unique_ptr<httplib::Server>> NewServer(
    const MetricsSecurity& security) {
  if (security.certificate.empty()) return std::make_unique<httplib::Server>();
  auto server = std::make_unique<httplib::SSLServer>(
      security.certificate.c_str(), security.key.c_str());
  if (!server->is_valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics cannot be served with the certificate ",
                     security.certificate, " and the key ", security.key));
  }
  SSL_CTX_set_min_proto_version(server->ssl_context(), TLS1_2_VERSION);
  return server;
}

bool MayRead(const MetricsSecurity& security, const httplib::Request& request) {
  if (security.may_read == nullptr) return true;
  const std::string header = request.get_header_value("Authorization");
  absl::string_view token = header;
  return absl::ConsumePrefix(&token, "Bearer ") && security.may_read(token);
}

void AskForTokens(const MetricsSecurity& security, httplib::Server* http) {
  http->set_pre_routing_handler(
      [security](const httplib::Request& request, httplib::Response& response) {
        if (MayRead(security, request)) {
          return httplib::Server::HandlerResponse::Unhandled;
        }
        LogWarning("call refused", {{"method", request.path},
                                    {"reason", "no token, or an unknown one"},
                                    {"peer", request.remote_addr}});
        response.status = 401;
        response.set_header("WWW-Authenticate", "Bearer");
        response.set_content("this needs a token\n", "text/plain");
        return httplib::Server::HandlerResponse::Handled;
      });
}

}  // namespace

struct MetricsServer::Server {
  std::unique_ptr<httplib::Server> http;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, MetricsRegistry* registry, HealthCheck health,
    const MetricsSecurity& security) {
  HP_ASSIGN_OR_RETURN(HostPort parsed, ParseAddress(address));
  auto server = std::make_unique<Server>();
  HP_ASSIGN_OR_RETURN(server->http, NewServer(security));
  httplib::Server& http = *server->http;
  AskForTokens(security, &http);
  http.new_task_queue = [] { return new httplib::ThreadPool(2); };
  http.set_socket_options(TakePortAlone);
  http.set_read_timeout(5);
  http.set_write_timeout(5);
  http.Get("/metrics",
           [registry](const httplib::Request&, httplib::Response& response) {
             response.set_content(registry->Text(),
                                  "text/plain; version=0.0.4; charset=utf-8");
           });
  http.Get("/healthz",
           [health = std::move(health)](const httplib::Request&,
                                        httplib::Response& response) {
             const std::string problem = health();
             response.status = problem.empty() ? 200 : 503;
             response.set_content(problem.empty() ? "ok\n" : problem + "\n",
                                  "text/plain; charset=utf-8");
           });
  errno = 0;
  const int port =
      parsed.port == 0
          ? http.bind_to_any_port(parsed.host)
          : (http.bind_to_port(parsed.host, parsed.port) ? parsed.port : -1);
  if (port < 0) {
    if (errno == EADDRINUSE) {
      return absl::AlreadyExistsError(
          absl::StrCat("metrics address ", address,
                       " is in use by another program: choose another with "
                       "--metrics-address, or port 0 for a free one"));
    }
    return absl::UnavailableError(
        absl::StrCat("cannot listen for metrics on ", address,
                     ": is it an address of this machine?"));
  }
  server->thread = std::thread([raw = server.get()] {
    if (!raw->http->listen_after_bind()) {
      LogError("the metrics server stopped by itself");
    }
  });
  return std::unique_ptr<MetricsServer>(new MetricsServer(
      std::move(server),
      absl::StrCat(address.substr(0, address.rfind(':')), ":", port)));
}

MetricsServer::MetricsServer(std::unique_ptr<Server> server,
                             std::string address)
    : server_(std::move(server)), address_(std::move(address)) {}

MetricsServer::~MetricsServer() {
  // stop() before the accept loop runs would be lost.
  while (!server_->http->is_running()) std::this_thread::yield();
  server_->http->stop();
  server_->thread.join();
}

}  // namespace halfpipe
