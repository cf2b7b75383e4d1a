// Who may make which call: one table for everything that this server serves.
#ifndef HP_COORDINATOR_API_METHOD_ROLES_H_
#define HP_COORDINATOR_API_METHOD_ROLES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/auth/token_file.h"

namespace halfpipe {

// OK when the table lets `role` make the call "/package.Service/Method".
// PermissionDenied otherwise: the message names both. A method that the table
// does not know is refused to everybody, so that a new one is closed until
// somebody has decided whom it is for.
[[nodiscard]] absl::Status CheckRole(absl::string_view method, Role role);

// The methods of the table, for the test that compares it with what is served.
[[nodiscard]] std::vector<absl::string_view> MethodsWithRoles();

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_METHOD_ROLES_H_
