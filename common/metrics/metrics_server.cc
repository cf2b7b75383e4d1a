#include "common/metrics/metrics_server.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "common/base/status.h"
#include "common/metrics/http_port.h"

namespace halfpipe {
namespace {

HttpRoute MetricsRoute(MetricsRegistry* registry) {
  return {.pattern = "/metrics", .handler = [registry](const HttpRequest&) {
            return HttpAnswer{
                .type = "text/plain; version=0.0.4; charset=utf-8",
                .body = registry->Text()};
          }};
}

HttpRoute HealthRoute(MetricsServer::HealthCheck health) {
  return {.pattern = "/healthz",
          .is_urgent = true,
          .handler = [health = std::move(health)](const HttpRequest&) {
            const std::string problem = health();
            return HttpAnswer{
                .status = problem.empty() ? 200 : 503,
                .type = "text/plain; charset=utf-8",
                .body = absl::StrCat(problem.empty() ? "ok" : problem, "\n")};
          }};
}

// In the words of who set the address.
absl::Status ExplainAddress(const absl::Status& status) {
  if (!absl::IsAlreadyExists(status)) return Annotate(status, "metrics");
  return absl::AlreadyExistsError(absl::StrCat(
      "metrics address ", status.message(),
      ": choose another with --metrics-address, or port 0 for a free one"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, MetricsRegistry* registry, HealthCheck health,
    const MetricsSecurity& security, const std::vector<HttpRoute>& routes,
    bool any_port) {
  if (!ParseHostPort(address).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics address \"", address,
                     "\": expected host:port, as in 127.0.0.1:9700"));
  }
  std::vector<HttpRoute> all = routes;
  all.push_back(MetricsRoute(registry));
  all.push_back(HealthRoute(std::move(health)));
  absl::StatusOr<RequestGate> created =
      RequestGate::Create(security, std::move(all));
  if (!created.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics: ", created.status().message()));
  }
  const auto gate = std::make_shared<const RequestGate>(*std::move(created));
  const auto listen = [&](const std::string& at) {
    return HttpPort::Start(
        at, {.certificate = security.certificate, .key = security.key},
        {.is_urgent =
             [gate](const HttpCall& call) { return gate->IsUrgent(call); },
         .refuse = [gate](const HttpCall& call) { return gate->Refuse(call); },
         .answer =
             [gate](const HttpCall& call) { return gate->Answer(call); }});
  };
  absl::StatusOr<std::unique_ptr<HttpPort>> port = listen(address);
  if (any_port && absl::IsAlreadyExists(port.status())) {
    port = listen(absl::StrCat(address.substr(0, address.rfind(':')), ":0"));
  }
  if (!port.ok()) return ExplainAddress(port.status());
  return std::unique_ptr<MetricsServer>(new MetricsServer(*std::move(port)));
}

MetricsServer::MetricsServer(std::unique_ptr<HttpPort> port)
    : port_(std::move(port)) {}

MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return port_->address(); }

}  // namespace halfpipe
