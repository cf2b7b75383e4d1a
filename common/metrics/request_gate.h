// Who may ask what of an HTTP port.
#ifndef HP_COMMON_METRICS_REQUEST_GATE_H_
#define HP_COMMON_METRICS_REQUEST_GATE_H_

#include <functional>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/auth/tls_files.h"
#include "common/base/line_limit.h"
#include "common/metrics/http_port.h"

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

// Finds the route of a request and judges who may ask for it. A name that is
// not this host's is refused for every path: some page has lent its own name to
// this machine's address. This host's are "localhost", all numeric addresses
// where there is TLS and loopback's where there is none, and the names in the
// certificate. Thread-safe.
class RequestGate {
 public:
  // CertificateNames::Read's codes.
  [[nodiscard]] static absl::StatusOr<RequestGate> Create(
      MetricsSecurity security, std::vector<HttpRoute> routes);

  // Whether the route, if there is one, is urgent.
  [[nodiscard]] bool IsUrgent(const HttpCall& call) const;
  // What is to be answered instead: 400, 401, 403, 404 or 415; nothing: there
  // is a route, and it may be asked. Whoever has no right to ask is a line of
  // the log, within LineLimit.
  [[nodiscard]] std::optional<HttpAnswer> Refuse(const HttpCall& call) const;
  // What the route answers, where Refuse has said nothing.
  [[nodiscard]] HttpAnswer Answer(const HttpCall& call) const;

 private:
  struct Way {
    std::regex pattern;
    HttpRoute route;
  };

  RequestGate() = default;

  // The way that the path leads; null: there is none. One of another method
  // where there is none of this.
  [[nodiscard]] const Way* WayOf(const HttpCall& call) const;
  [[nodiscard]] bool IsThisHost(const HttpCall& call) const;
  [[nodiscard]] HttpAnswer Forbid(const HttpCall& call, int status,
                                  absl::string_view reason,
                                  absl::string_view text) const;
  [[nodiscard]] bool MayRead(const HttpCall& call) const;

  MetricsSecurity security_;
  std::optional<CertificateNames> names_;  // with TLS
  std::shared_ptr<LineLimit> lines_ = std::make_shared<LineLimit>();
  std::vector<Way> ways_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_REQUEST_GATE_H_
