// The token of a call, as CallGuard leaves it to the calls that need it.
#ifndef HP_COORDINATOR_API_CALL_TOKEN_H_
#define HP_COORDINATOR_API_CALL_TOKEN_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"

namespace halfpipe {

// The token in an authorization header's value, which it points into; nullopt
// where that is not "Bearer TOKEN" (RFC 6750; the scheme in any case).
[[nodiscard]] std::optional<absl::string_view> BearerToken(
    absl::string_view authorization);

// The one of a call, valid as long as `context`; empty: it has none, or
// CallGuard has taken the header out, as it does for most methods.
[[nodiscard]] absl::string_view TokenOf(const grpc::ServerContext& context);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_CALL_TOKEN_H_
