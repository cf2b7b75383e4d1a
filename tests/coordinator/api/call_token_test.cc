#include "coordinator/api/call_guard.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(CallTokenTest, TakesTheSchemeOffInAnyCase) {
  EXPECT_EQ(BearerToken("Bearer hpt_x"), "hpt_x");
  EXPECT_EQ(BearerToken("bearer hpt_x"), "hpt_x");
  EXPECT_EQ(BearerToken("Bearer "), "");
  for (const char* other : {"", "hpt_x", "Basic hpt_x", "Bearer"}) {
    EXPECT_EQ(BearerToken(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace halfpipe
