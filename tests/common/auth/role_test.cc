#include "common/auth/token_file.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(RoleTest, EveryNameIsReadBack) {
  for (const Role role :
       {Role::kRead, Role::kSubmit, Role::kAdmin, Role::kStage}) {
    EXPECT_EQ(ParseRole(RoleName(role)), role);
  }
  EXPECT_EQ(ParseRole("root"), std::nullopt);
  EXPECT_EQ(ParseRole(""), std::nullopt);
  EXPECT_EQ(ParseRole("Admin"), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
