#include "common/metrics/health_check.h"

#include <httplib.h>

#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/auth/connection.h"
#include "common/base/address.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr time_t kTimeoutSeconds = 5;

// Who listens on every address is asked on loopback.
std::string UrlOf(const std::string& address, const HostPort& server) {
  std::string host = server.host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (absl::StrContains(host, ':')) host = absl::StrCat("[", host, "]");
  return absl::StrCat(IsLocalAddress(address) ? "http" : "https", "://", host,
                      ":", server.port);
}

}  // namespace

absl::Status CheckHealth(const HealthQuestion& question) {
  HP_ASSIGN_OR_RETURN(const HostPort server, ParseHostPort(question.address));
  if (server.port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics address \"", question.address,
                     "\" is any free port: give it a number to ask there"));
  }
  // Whatever the address, the token stays on this machine.
  HP_ASSIGN_OR_RETURN(const ConnectionSecurity security,
                      LoadConnectionSecurity(
                          {.token_file = question.token_file}, "localhost:0"));
  const std::string url = UrlOf(question.address, server);
  httplib::Client client(url);
  client.enable_server_certificate_verification(false);
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  httplib::Headers headers;
  if (!security.token.empty()) {
    headers.emplace("Authorization", absl::StrCat("Bearer ", security.token));
  }
  const httplib::Result result = client.Get("/healthz", headers);
  if (!result) {
    return absl::UnavailableError(absl::StrCat(
        url, " does not answer: ", httplib::to_string(result.error())));
  }
  if (result->status == 200) return absl::OkStatus();
  if (result->status == 401) {
    return absl::PermissionDeniedError(absl::StrCat(
        url, " wants a token that may read metrics: set --token-file"));
  }
  return absl::UnavailableError(
      absl::StrCat(url, ": ", absl::StripAsciiWhitespace(result->body)));
}

int RunHealthCheck(absl::string_view program, const HealthQuestion& question) {
  const absl::Status status = CheckHealth(question);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(),
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace halfpipe
