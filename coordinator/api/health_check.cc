#include <httplib.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/auth/connection.h"
#include "common/auth/tls_files.h"
#include "common/base/address.h"
#include "common/base/status.h"
#include "coordinator/api/commands.h"

namespace halfpipe {
namespace {

constexpr time_t kTimeoutSeconds = 5;

// Who listens on every address is asked on loopback.
std::string HostOf(const HostPort& server) {
  if (server.host == "0.0.0.0") return "127.0.0.1";
  if (server.host == "::") return "::1";
  return server.host;
}

std::string UrlOf(absl::string_view scheme, absl::string_view host, int port) {
  if (absl::StrContains(host, ':')) {
    return absl::StrCat(scheme, "://[", host, "]:", port);
  }
  return absl::StrCat(scheme, "://", host, ":", port);
}

// Asks under the certificate's own name, whatever address that is at, and
// believes who shows it, or another of that name that `ca` has signed.
absl::StatusOr<std::unique_ptr<httplib::Client>> ClientOfKnown(
    const HealthQuestion& question, const HostPort& server) {
  if (question.certificate.empty()) {
    return absl::InvalidArgumentError(
        "a token is sent only to whom a certificate proves: give "
        "--certificate with the server's own (or --config with "
        "tls.certificate)");
  }
  HP_ASSIGN_OR_RETURN(const CertificateNames names,
                      CertificateNames::Read(question.certificate));
  const std::string name = names.First();
  auto client =
      std::make_unique<httplib::Client>(UrlOf("https", name, server.port));
  client->set_hostname_addr_map({{name, HostOf(server)}});
  client->enable_server_certificate_verification(true);
  client->set_ca_cert_path(question.ca.empty() ? question.certificate
                                               : question.ca);
  X509_STORE* store = SSL_CTX_get_cert_store(client->ssl_context());
  X509_STORE_load_locations(store, question.certificate.c_str(), nullptr);
  // The certificate itself is enough: who signed it may be unknown here.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return client;
}

// For whoever answers on this machine.
std::unique_ptr<httplib::Client> ClientOfAny(const std::string& url) {
  auto client = std::make_unique<httplib::Client>(url);
  client->enable_server_certificate_verification(false);
  return client;
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
  const bool is_plain = IsLocalAddress(question.address);
  const std::string url =
      UrlOf(is_plain ? "http" : "https", HostOf(server), server.port);
  std::unique_ptr<httplib::Client> client = ClientOfAny(url);
  httplib::Headers headers;
  if (!security.token.empty()) {
    if (!is_plain) {
      HP_ASSIGN_OR_RETURN(client, ClientOfKnown(question, server));
    }
    headers.emplace("Authorization", absl::StrCat("Bearer ", security.token));
  }
  client->set_connection_timeout(kTimeoutSeconds);
  client->set_read_timeout(kTimeoutSeconds);
  const httplib::Result result = client->Get("/healthz", headers);
  if (!result && result.error() == httplib::Error::SSLServerVerification) {
    return absl::UnavailableError(absl::StrCat(
        url, " shows another certificate than ", question.certificate,
        ", and got no token: restart the service if that file was renewed, "
        "and give --ca so that renewed ones are known"));
  }
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
