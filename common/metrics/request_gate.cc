#include "common/metrics/request_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

bool IsOfMethod(const HttpRoute& route, absl::string_view method) {
  return (route.method == HttpRoute::Method::kPost) == (method == "POST");
}

// The value of the session's cookie; empty: there is none.
absl::string_view CookieOf(absl::string_view cookies) {
  for (absl::string_view cookie : absl::StrSplit(cookies, ';')) {
    cookie = absl::StripAsciiWhitespace(cookie);
    if (absl::ConsumePrefix(&cookie, kSessionCookie) &&
        absl::ConsumePrefix(&cookie, "=")) {
      return cookie;
    }
  }
  return {};
}

// "Application/JSON; charset=utf-8" is "application/json".
bool IsOfType(absl::string_view header, absl::string_view type) {
  const absl::string_view bare = header.substr(0, header.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(bare), type);
}

// Empty: there is none.
std::string BearerOf(const HttpCall& call) {
  const std::string header = call.ValueOf("Authorization");
  absl::string_view token = header;
  return absl::ConsumePrefix(&token, "Bearer ") ? std::string(token) : "";
}

// Whether the call, where a page sends it, is sent by one of the host that it
// goes to. A browser tells the page's "scheme://host:port", or "null".
bool IsOfOwnPage(const HttpCall& call) {
  const int origins = call.CountOf("Origin");
  if (origins == 0) return true;
  const std::string origin = call.ValueOf("Origin");
  const size_t host = origin.find("://");
  return origins == 1 && host != std::string::npos &&
         absl::EqualsIgnoreCase(origin.substr(host + 3), call.ValueOf("Host"));
}

bool IsNumeric(const std::string& host) {
  in6_addr any = {};
  return inet_pton(AF_INET, host.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

// The answers are neither stored nor framed, nor may they load anything from
// elsewhere.
void AddHeaders(HttpAnswer* answer) {
  answer->headers.insert(
      {{"Cache-Control", "no-store"},
       {"X-Content-Type-Options", "nosniff"},
       {"Referrer-Policy", "no-referrer"},
       {"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
        "'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"}});
}

}  // namespace

absl::StatusOr<RequestGate> RequestGate::Create(MetricsSecurity security,
                                                std::vector<HttpRoute> routes) {
  RequestGate gate;
  if (!security.certificate.empty()) {
    HP_ASSIGN_OR_RETURN(gate.names_,
                        CertificateNames::Read(security.certificate));
  }
  gate.security_ = std::move(security);
  for (HttpRoute& route : routes) {
    std::regex pattern(route.pattern);
    gate.ways_.push_back({std::move(pattern), std::move(route)});
  }
  return gate;
}

bool RequestGate::IsUrgent(const HttpCall& call) const {
  const Way* way = WayOf(call);
  return way != nullptr && way->route.is_urgent;
}

std::optional<HttpAnswer> RequestGate::Refuse(const HttpCall& call) const {
  const int hosts = call.CountOf("Host");
  // Before HTTP/1.1 there was no such header; browsers always send one.
  if (hosts > 1 || (hosts == 0 && call.version != "HTTP/1.0")) {
    return PlainAnswer(400, "one Host header is needed");
  }
  if (hosts == 1 && !IsThisHost(call)) {
    return Forbid(call, 403, "another host's name",
                  "this is not the host that was asked for");
  }
  if (call.method == "POST" && !IsOfOwnPage(call)) {
    return Forbid(call, 403, "another site's page",
                  "this was sent by a page of another site");
  }
  const Way* way = WayOf(call);
  if (!MayAsk(call, way)) {
    HttpAnswer refusal =
        Forbid(call, 401, "no token, or an unknown one", "this needs a token");
    refusal.headers["WWW-Authenticate"] = "Bearer";
    return refusal;
  }
  if (way == nullptr || !IsOfMethod(way->route, call.method)) {
    return PlainAnswer(404, "there is nothing here");
  }
  const std::string& type = way->route.takes;
  if (!type.empty() && !IsOfType(call.ValueOf("Content-Type"), type)) {
    return PlainAnswer(415, absl::StrCat("this takes ", type));
  }
  return std::nullopt;
}

HttpAnswer RequestGate::Answer(const HttpCall& call) const {
  const Way* way = WayOf(call);
  if (way == nullptr) return PlainAnswer(404, "there is nothing here");
  std::smatch match;
  std::regex_match(call.path, match, way->pattern);
  HttpAnswer answer = way->route.handler(
      {.path = call.path,
       .match = match.size() > 1 ? match[1].str() : std::string(),
       .body = call.body,
       .session = OpenSessionOf(call),
       .is_tls = names_.has_value()});
  AddHeaders(&answer);
  return answer;
}

const RequestGate::Way* RequestGate::WayOf(const HttpCall& call) const {
  const Way* found = nullptr;
  for (const Way& way : ways_) {
    if (!std::regex_match(call.path, way.pattern)) continue;
    if (IsOfMethod(way.route, call.method)) return &way;
    found = &way;
  }
  return found;
}

bool RequestGate::IsThisHost(const HttpCall& call) const {
  // "localhost", "127.0.0.1:9700", "[::1]:9700"
  const std::string host = absl::AsciiStrToLower(call.ValueOf("Host"));
  absl::StatusOr<HostPort> parsed = ParseHostPort(host);
  if (!parsed.ok()) parsed = ParseHostPort(absl::StrCat(host, ":0"));
  if (!parsed.ok()) return false;
  const std::string& name = parsed->host;
  if (IsLocalAddress(absl::StrCat(name, ":0"))) return true;
  return names_.has_value() && (IsNumeric(name) || names_->Cover(name));
}

bool RequestGate::MayAsk(const HttpCall& call, const Way* way) const {
  if (way != nullptr && way->route.is_open) return true;
  const bool needs_session = way != nullptr && way->route.needs_session;
  if (security_.may_read == nullptr) {
    return !needs_session || !OpenSessionOf(call).empty();
  }
  const std::string token = BearerOf(call);
  if (!token.empty()) return security_.may_read(token);
  return !OpenSessionOf(call).empty();
}

std::string RequestGate::OpenSessionOf(const HttpCall& call) const {
  if (security_.has_session == nullptr) return "";
  const std::string cookies = call.ValueOf("Cookie");
  const bool has_tls = names_.has_value();
  const std::string shown =
      has_tls ? std::string(CookieOf(cookies)) : BearerOf(call);
  if (shown.empty() || !security_.has_session(shown)) return "";
  return shown;
}

HttpAnswer RequestGate::Forbid(const HttpCall& call, int status,
                               absl::string_view reason,
                               absl::string_view text) const {
  const std::optional<int64_t> left_out = lines_->Take(SteadyNow());
  if (left_out.has_value()) {
    LogWarning("call refused", {{"method", call.path},
                                {"reason", reason},
                                {"peer", call.peer},
                                {"lines_left_out", *left_out}});
  }
  return PlainAnswer(status, text);
}

}  // namespace halfpipe
