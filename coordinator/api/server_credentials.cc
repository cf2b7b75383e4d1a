#include "coordinator/api/server_credentials.h"

#include "common/base/address.h"
#include "coordinator/api/call_guard.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace halfpipe {
namespace {

namespace tls = grpc::experimental;

constexpr unsigned kReadAgainSeconds = 10;

std::shared_ptr<grpc::ServerCredentials> TlsCredentialsOf(
    const TlsFiles& files) {
  tls::TlsServerCredentialsOptions options(
      std::make_shared<tls::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.ca, kReadAgainSeconds));
  options.watch_identity_key_cert_pairs();
  if (files.ca.empty()) {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    options.watch_root_certs();
    options.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return tls::TlsServerCredentials(options);
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const std::string& address, const ServerSecurity& security) {
  const bool is_unix = IsUnixAddress(address);
  const bool has_tls = !is_unix && !security.tls.certificate.empty();
  if (!has_tls && security.tokens == nullptr) {
    return grpc::InsecureServerCredentials();
  }
  // Insecure credentials take no guard. "Local" ones are the same on the wire,
  // and let nobody in from another machine.
  std::shared_ptr<grpc::ServerCredentials> credentials =
      has_tls ? TlsCredentialsOf(security.tls)
              : tls::LocalServerCredentials(is_unix ? UDS : LOCAL_TCP);
  if (security.tokens != nullptr) {
    credentials->SetAuthMetadataProcessor(
        std::make_shared<CallGuard>(security.tokens));
  }
  return credentials;
}

}  // namespace halfpipe
