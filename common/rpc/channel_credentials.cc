#include "common/rpc/channel_credentials.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace halfpipe {
namespace {

namespace tls = grpc::experimental;

constexpr unsigned kReadAgainSeconds = 10;

class TokenPlugin : public grpc::MetadataCredentialsPlugin {
 public:
  explicit TokenPlugin(std::string token) : token_(std::move(token)) {}

  grpc::Status GetMetadata(
      grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
      std::multimap<grpc::string, grpc::string>* metadata) override {
    metadata->emplace("authorization", absl::StrCat("Bearer ", token_));
    return grpc::Status::OK;
  }

  [[nodiscard]] bool IsBlocking() const override { return false; }

  // What gRPC prints of a call's credentials; the default is safe too, but
  // this one does not depend on it.
  grpc::string DebugString() override { return "a bearer token"; }

 private:
  const std::string token_;
};

std::shared_ptr<grpc::ChannelCredentials> TlsCredentialsOf(
    const TlsFiles& files) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<tls::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.ca, kReadAgainSeconds));
  options.watch_root_certs();
  if (!files.certificate.empty()) options.watch_identity_key_cert_pairs();
  return tls::TlsCredentials(options);
}

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(
    const std::string& address, const ConnectionSecurity& security) {
  const bool is_unix = IsUnixAddress(address);
  const bool has_tls = !is_unix && !security.tls.ca.empty();
  if (security.token.empty()) {
    return has_tls ? TlsCredentialsOf(security.tls)
                   : grpc::InsecureChannelCredentials();
  }
  // gRPC lets nobody add a token to insecure credentials. "Local" ones are the
  // same on the wire, and fail where the other end is not on this machine.
  const std::shared_ptr<grpc::ChannelCredentials> channel =
      has_tls ? TlsCredentialsOf(security.tls)
              : tls::LocalCredentials(is_unix ? UDS : LOCAL_TCP);
  const grpc_security_level least =
      has_tls ? GRPC_PRIVACY_AND_INTEGRITY : GRPC_SECURITY_NONE;
  return grpc::CompositeChannelCredentials(
      channel, tls::MetadataCredentialsFromPlugin(
                   std::make_unique<TokenPlugin>(security.token), least));
}

}  // namespace halfpipe
