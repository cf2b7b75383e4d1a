#include "coordinator/api/call_token.h"

#include "absl/strings/match.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kScheme = "Bearer ";

}  // namespace

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
