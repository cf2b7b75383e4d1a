#include "coordinator/api/call_guard.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/steady_clock.h"
#include "common/rpc/status_conversion.h"
#include "coordinator/api/method_roles.h"

namespace halfpipe {
namespace {

// What counts by its token's name (TokenQuotas), makes a ticket for it, or ends
// with it (OpenCalls).
constexpr std::array<absl::string_view, 3> kNeedToken = {
    "/halfpipe.v1.TrainingService/CreateJob",
    "/halfpipe.v1.TrainingService/CreatePageTicket",
    "/halfpipe.v1.TrainingService/WatchJob"};
// All of these are made for a pair, which the token may be bound to.
constexpr absl::string_view kStageService = "/halfpipe.v1.StageService/";

absl::string_view View(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

// The one value of a header; empty when there is none, or more than one.
absl::string_view ValueOf(const grpc::AuthMetadataProcessor::InputMetadata& all,
                          const char* key) {
  const auto [first, last] = all.equal_range(key);
  if (first == last || std::next(first) != last) return {};
  return View(first->second);
}

// Of the connection's client certificate: its common name first, then the
// alternative ones. None where TLS asked for no certificate.
std::vector<std::string> CertificateNamesOf(const grpc::AuthContext* context) {
  std::vector<std::string> names;
  if (context == nullptr) return names;
  for (const char* property :
       {"x509_common_name", "x509_subject_alternative_name"}) {
    for (const grpc::string_ref& name : context->FindPropertyValues(property)) {
      names.emplace_back(name.data(), name.size());
    }
  }
  return names;
}

bool NeedsToken(absl::string_view method) {
  return absl::StartsWith(method, kStageService) ||
         std::find(kNeedToken.begin(), kNeedToken.end(), method) !=
             kNeedToken.end();
}

constexpr absl::string_view kScheme = "Bearer ";

}  // namespace

grpc::Status CallGuard::Process(const InputMetadata& metadata,
                                grpc::AuthContext* context,
                                OutputMetadata* consumed_metadata,
                                OutputMetadata* /*response_metadata*/) {
  const absl::string_view method = ValueOf(metadata, ":path");
  const std::optional<absl::string_view> token =
      BearerToken(ValueOf(metadata, "authorization"));
  const bool has_token = token.has_value();
  const std::optional<Identity> identity =
      has_token ? tokens_->Find(*token) : std::nullopt;
  const std::vector<std::string> names = CertificateNamesOf(context);
  const std::string certificate = names.empty() ? "" : names.front();
  if (!identity.has_value()) {
    const absl::Status status = absl::UnauthenticatedError(
        has_token ? "the service does not know this token; was it removed, or "
                    "is it another service's?"
                  : "the service asks for a token: give --token-file (or "
                    "HALFPIPE_TOKEN); its operator makes one with "
                    "halfpipe-coordinator token add");
    Audit({.method = method,
           .reason = has_token ? "unknown token" : "no token",
           .name = "",
           .role = "",
           .certificate = certificate});
    return ToGrpcStatus(status);
  }
  if (!identity->certificate.empty() &&
      std::find(names.begin(), names.end(), identity->certificate) ==
          names.end()) {
    Audit({.method = method,
           .reason = "another certificate than the token's",
           .name = identity->name,
           .role = RoleName(identity->role),
           .certificate = certificate});
    return ToGrpcStatus(absl::PermissionDeniedError(
        absl::StrCat("this token counts only with the certificate ",
                     identity->certificate, ": give --cert and --key")));
  }
  const absl::Status status = CheckRole(method, identity->role);
  if (!status.ok()) {
    Audit({.method = method,
           .reason = "the role may not",
           .name = identity->name,
           .role = RoleName(identity->role),
           .certificate = certificate});
    return ToGrpcStatus(status);
  }
  if (NeedsToken(method)) return grpc::Status::OK;
  // No other needs it, so none can log it.
  const auto [first, last] = metadata.equal_range("authorization");
  for (auto it = first; it != last; ++it) {
    consumed_metadata->emplace(View(it->first), View(it->second));
  }
  return grpc::Status::OK;
}

void CallGuard::Audit(const Refusal& refusal) {
  const std::optional<int64_t> left_out = lines_.Take(SteadyNow());
  if (!left_out.has_value()) return;
  LogWarning("call refused", {{"method", refusal.method},
                              {"reason", refusal.reason},
                              {"token", refusal.name},
                              {"role", refusal.role},
                              {"certificate", refusal.certificate},
                              {"lines_left_out", *left_out}});
}

std::optional<absl::string_view> BearerToken(absl::string_view authorization) {
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return std::nullopt;
  return authorization.substr(kScheme.size());
}

absl::string_view TokenOf(const grpc::ServerContext& context) {
  const auto header = context.client_metadata().find("authorization");
  if (header == context.client_metadata().end()) return {};
  return BearerToken({header->second.data(), header->second.size()})
      .value_or(absl::string_view());
}

}  // namespace halfpipe
