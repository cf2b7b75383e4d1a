#include "common/memory/activation_policy.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(ActivationPolicyTest, NamesRoundTrip) {
  for (const char* name : {"keep", "offload", "recompute"}) {
    auto policy = ParseActivationPolicy(name);
    ASSERT_TRUE(policy.has_value()) << name;
    EXPECT_EQ(ActivationPolicyName(*policy), name);
  }
  EXPECT_FALSE(ParseActivationPolicy("auto").has_value());
}

}  // namespace
}  // namespace halfpipe
