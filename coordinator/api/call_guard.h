// Looks at every call before anything else of it is read.
#ifndef HP_COORDINATOR_API_CALL_GUARD_H_
#define HP_COORDINATOR_API_CALL_GUARD_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "common/auth/token_book.h"
#include "common/base/line_limit.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/server_context.h"

namespace halfpipe {

// gRPC asks it when a call's headers have come and its message has not: whoever
// is refused has cost nothing. UNAUTHENTICATED without a token that the book
// knows, PERMISSION_DENIED where the table of method_roles.h says no, or the
// token is bound to another certificate. Each refusal is a line of the log with
// the method, the reason, whose token and whose certificate it was; never the
// token. LineLimit keeps a flood of calls from being one of lines. Thread-safe.
class CallGuard final : public grpc::AuthMetadataProcessor {
 public:
  // `tokens` outlives it.
  explicit CallGuard(TokenBook* tokens) : tokens_(tokens) {}

  // Looking up a token may read the token file, once a second at most.
  [[nodiscard]] bool IsBlocking() const override { return true; }

  grpc::Status Process(const InputMetadata& metadata,
                       grpc::AuthContext* context,
                       OutputMetadata* consumed_metadata,
                       OutputMetadata* response_metadata) override;

 private:
  struct Refusal {
    absl::string_view method;
    absl::string_view reason;
    absl::string_view name;  // of the token; empty: none that is known
    absl::string_view role;
    absl::string_view certificate;  // common name; empty: there was none
  };

  void Audit(const Refusal& refusal);

  TokenBook* const tokens_;
  LineLimit lines_;
};

// The token in an authorization header's value, which it points into; nullopt
// where that is not "Bearer TOKEN" (RFC 6750; the scheme in any case).
[[nodiscard]] std::optional<absl::string_view> BearerToken(
    absl::string_view authorization);

// The one of a call, valid as long as `context`; empty: it has none, or
// CallGuard has taken the header out, as it does for most methods.
[[nodiscard]] absl::string_view TokenOf(const grpc::ServerContext& context);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_CALL_GUARD_H_
