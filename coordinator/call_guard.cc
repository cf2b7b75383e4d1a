#include "coordinator/call_guard.h"

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
#include "coordinator/method_roles.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kScheme = "Bearer ";
// What lasts and ends with its token (OpenCalls), counts by its name
// (TokenQuotas), or makes a ticket for it.
constexpr std::array<absl::string_view, 4> kNeedToken = {
    "/halfpipe.v1.TrainingService/CreateJob",
    "/halfpipe.v1.TrainingService/CreatePageTicket",
    "/halfpipe.v1.TrainingService/WatchJob",
    "/halfpipe.v1.StageService/NextCommand"};

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

std::string CertificateOf(const grpc::AuthContext* context) {
  if (context == nullptr) return "";
  const std::vector<grpc::string_ref> names =
      context->FindPropertyValues("x509_common_name");
  if (names.empty()) return "";
  return std::string(names.front().data(), names.front().size());
}

}  // namespace

grpc::Status CallGuard::Process(const InputMetadata& metadata,
                                grpc::AuthContext* context,
                                OutputMetadata* consumed_metadata,
                                OutputMetadata* /*response_metadata*/) {
  const absl::string_view method = ValueOf(metadata, ":path");
  absl::string_view token = ValueOf(metadata, "authorization");
  const bool has_token = absl::StartsWithIgnoreCase(token, kScheme);
  if (has_token) token.remove_prefix(kScheme.size());
  const std::optional<Identity> identity =
      has_token ? tokens_->Find(token) : std::nullopt;
  const std::string certificate = CertificateOf(context);
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
  const absl::Status status = CheckRole(method, identity->role);
  if (!status.ok()) {
    Audit({.method = method,
           .reason = "the role may not",
           .name = identity->name,
           .role = RoleName(identity->role),
           .certificate = certificate});
    return ToGrpcStatus(status);
  }
  if (std::find(kNeedToken.begin(), kNeedToken.end(), method) !=
      kNeedToken.end()) {
    return grpc::Status::OK;
  }
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

}  // namespace halfpipe
