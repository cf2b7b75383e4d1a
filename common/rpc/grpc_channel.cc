#include "common/rpc/grpc_channel.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/channel_arguments.h"

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

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address,
                                          const ConnectionSecurity& security,
                                          bool own_connection) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // A proxy in the environment is never meant for this service.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (own_connection) {
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  }
  return grpc::CreateCustomChannel(
      address, MakeChannelCredentials(address, security), arguments);
}

gpr_timespec DeadlineIn(absl::Duration time) {
  if (time == absl::InfiniteDuration()) {
    return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  }
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(time), GPR_TIMESPAN));
}

void PrepareCall(absl::Duration timeout, bool wait,
                 grpc::ClientContext* context) {
  context->set_deadline(DeadlineIn(timeout));
  context->set_wait_for_ready(wait);
}

absl::Status ExplainRefusal(absl::string_view method, absl::string_view peer,
                            const absl::Status& status) {
  // A service of ours says something with every error; gRPC, whose message one
  // side could not read, says nothing or little.
  const absl::string_view words = status.message();
  const bool unread = ((absl::IsInternal(status) || absl::IsUnknown(status)) &&
                       (words.empty() || absl::StrContains(words, "serializ") ||
                        absl::StrContains(words, "parse"))) ||
                      (absl::IsUnimplemented(status) &&
                       absl::StrContains(words, "No message returned"));
  if (!unread && !absl::IsUnimplemented(status)) return status;
  return absl::Status(
      unread ? absl::StatusCode::kInternal : status.code(),
      absl::StrCat(method, ": ", peer,
                   unread ? " could not read the call, or its answer could not "
                            "be read"
                          : " does not know this call",
                   words.empty() ? "" : " (", words, words.empty() ? "" : ")",
                   "; are all programs of one version?"));
}

absl::Status ExplainSizeLimit(const absl::Status& status) {
  // Whole, the message gets the first answer; one that does not even fit into
  // the server's memory for messages is cut off with HTTP/2's error 11.
  const bool is_size =
      absl::IsResourceExhausted(status) &&
      (absl::StrContains(status.message(), "message larger than max") ||
       absl::StrContains(status.message(), "RST_STREAM with error code 11"));
  if (!is_size) return status;
  return absl::ResourceExhaustedError(absl::StrCat(
      "the message is too large for the service (limits.message_size of its "
      "settings): ",
      status.message()));
}

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
