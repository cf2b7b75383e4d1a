// What a token allows.
#ifndef HP_COMMON_AUTH_ROLE_H_
#define HP_COMMON_AUTH_ROLE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// Which calls each may make is coordinator/api/method_roles.cc's table.
enum class Role {
  kRead,    // look at jobs
  kSubmit,  // and create, stop and resume them
  kAdmin,   // and everything else that a person may do
  kStage,   // what a stage process does, and nothing that a person does
};

// "read", "submit", "admin" or "stage".
[[nodiscard]] absl::string_view RoleName(Role role);
[[nodiscard]] std::optional<Role> ParseRole(absl::string_view name);

// Who a token belongs to, and where it counts.
struct Identity {
  std::string name;
  Role role = Role::kRead;
  // The only pair that a stage with it may be part of; empty: any.
  std::string pair = {};
  // A name (common or alternative) that the certificate of its connection must
  // have, so that a stolen token alone is worth nothing; empty: any, or none.
  std::string certificate = {};
};

}  // namespace halfpipe

#endif  // HP_COMMON_AUTH_ROLE_H_
