#include "common/auth/role.h"

namespace halfpipe {

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kRead:
      return "read";
    case Role::kSubmit:
      return "submit";
    case Role::kAdmin:
      return "admin";
    case Role::kStage:
      return "stage";
  }
  return "";
}

std::optional<Role> ParseRole(absl::string_view name) {
  for (const Role role :
       {Role::kRead, Role::kSubmit, Role::kAdmin, Role::kStage}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace halfpipe
