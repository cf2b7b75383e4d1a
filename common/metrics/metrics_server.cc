#include "common/metrics/metrics_server.h"

#include <httplib.h>

#include <cerrno>
#include <memory>
#include <regex>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr size_t kThreads = 8;
constexpr size_t kMostPostedBytes = 4096;

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

// The value of the session's cookie; empty: there is none.
absl::string_view SessionOf(absl::string_view cookies) {
  for (absl::string_view cookie : absl::StrSplit(cookies, ';')) {
    cookie = absl::StripAsciiWhitespace(cookie);
    if (absl::ConsumePrefix(&cookie, kSessionCookie) &&
        absl::ConsumePrefix(&cookie, "=")) {
      return cookie;
    }
  }
  return {};
}

bool MayRead(const MetricsSecurity& security, const httplib::Request& request) {
  if (security.may_read == nullptr) return true;
  const std::string header = request.get_header_value("Authorization");
  absl::string_view token = header;
  if (absl::ConsumePrefix(&token, "Bearer ")) return security.may_read(token);
  const std::string cookies = request.get_header_value("Cookie");
  const absl::string_view session = SessionOf(cookies);
  return security.has_session != nullptr && !session.empty() &&
         security.has_session(session);
}

// What may be asked for without a token, beside what needs one.
class Gate {
 public:
  Gate(MetricsSecurity security, const std::vector<HttpRoute>& routes)
      : security_(std::move(security)) {
    for (const HttpRoute& route : routes) {
      paths_.push_back({std::regex(route.pattern), route.is_open});
    }
  }

  // 0: it may pass; else the status.
  [[nodiscard]] int Check(const httplib::Request& request) const {
    const Path* route = Find(request.path);
    if (route != nullptr && security_.may_read == nullptr &&
        !IsLocalName(request.get_header_value("Host"))) {
      return 403;
    }
    if (route != nullptr && route->is_open) return 0;
    return MayRead(security_, request) ? 0 : 401;
  }

 private:
  struct Path {
    std::regex pattern;
    bool is_open;
  };

  [[nodiscard]] const Path* Find(const std::string& path) const {
    for (const Path& route : paths_) {
      if (std::regex_match(path, route.pattern)) return &route;
    }
    return nullptr;
  }

  // "localhost", "127.0.0.1:9700", "[::1]:9700"
  static bool IsLocalName(const std::string& host) {
    return IsLocalAddress(host) || IsLocalAddress(absl::StrCat(host, ":0"));
  }

  const MetricsSecurity security_;
  std::vector<Path> paths_;
};

void SetGate(const MetricsSecurity& security,
             const std::vector<HttpRoute>& routes, httplib::Server* http) {
  http->set_pre_routing_handler(
      [gate = std::make_shared<Gate>(security, routes)](
          const httplib::Request& request, httplib::Response& response) {
        const int refusal = gate->Check(request);
        if (refusal == 0) return httplib::Server::HandlerResponse::Unhandled;
        LogWarning("call refused",
                   {{"method", request.path},
                    {"reason", refusal == 403 ? "another host's name"
                                              : "no token, or an unknown one"},
                    {"peer", request.remote_addr}});
        response.status = refusal;
        if (refusal == 401) response.set_header("WWW-Authenticate", "Bearer");
        response.set_content(refusal == 403
                                 ? "this is not the host that was asked for\n"
                                 : "this needs a token\n",
                             "text/plain");
        return httplib::Server::HandlerResponse::Handled;
      });
}

void AddRoute(const HttpRoute& route, httplib::Server* http) {
  const auto answer = [handler = route.handler](const httplib::Request& request,
                                                httplib::Response& response) {
    const HttpAnswer made =
        handler({.path = request.path,
                 .match = request.matches.size() > 1 ? request.matches[1].str()
                                                     : std::string(),
                 .body = request.body});
    response.status = made.status;
    response.set_header("Cache-Control", "no-store");
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src "
                        "'self'; connect-src 'self'; img-src 'self'; "
                        "frame-ancestors 'none'; base-uri 'none'; form-action "
                        "'none'");
    for (const auto& [name, value] : made.headers) {
      response.set_header(name, value);
    }
    response.set_content(made.body, made.type);
  };
  if (route.method == HttpRoute::Method::kGet) {
    http->Get(route.pattern, answer);
  } else {
    http->Post(route.pattern, answer);
  }
}

}  // namespace

struct MetricsServer::Server {
  std::unique_ptr<httplib::Server> http;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, MetricsRegistry* registry, HealthCheck health,
    const MetricsSecurity& security, const std::vector<HttpRoute>& routes) {
  HP_ASSIGN_OR_RETURN(HostPort parsed, ParseAddress(address));
  auto server = std::make_unique<Server>();
  HP_ASSIGN_OR_RETURN(server->http, NewServer(security));
  httplib::Server& http = *server->http;
  SetGate(security, routes, &http);
  for (const HttpRoute& route : routes) AddRoute(route, &http);
  http.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  // A browser that keeps its connection keeps a thread.
  http.set_keep_alive_timeout(1);
  http.set_payload_max_length(kMostPostedBytes);
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
