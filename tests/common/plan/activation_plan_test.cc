#include "common/plan/activation_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace halfpipe {
namespace {

using testing::HasSubstr;

TEST(ActivationPlanTest, PolicyNamesRoundTrip) {
  for (const char* name : {"keep", "offload", "recompute"}) {
    auto policy = ParseActivationPolicy(name);
    ASSERT_TRUE(policy.has_value()) << name;
    EXPECT_EQ(ActivationPolicyName(*policy), name);
  }
  EXPECT_FALSE(ParseActivationPolicy("auto").has_value());
}

TEST(ActivationPlanTest, UniformPlans) {
  const auto text = [](ActivationPolicy policy) {
    return ActivationPlan::Uniform(policy, 20).ToText();
  };
  EXPECT_EQ(text(ActivationPolicy::kKeep), "20*kkkkkkkk");
  EXPECT_EQ(text(ActivationPolicy::kOffload), "20*oooooooo");
  EXPECT_EQ(text(ActivationPolicy::kRecompute), "20*krrrrrrr");
}

TEST(ActivationPlanTest, TextRoundTripsAndJoinsRuns) {
  const std::string text = "2*kkkkkkkk 1*orokrrrr 17*krrrrrrr";
  auto plan = ActivationPlan::Parse(text);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->size(), 20);
  EXPECT_EQ((*plan)[2].of(SavedGroup::kSelfOut), Fate::kOffload);
  EXPECT_EQ(plan->ToText(), text);
  auto split = ActivationPlan::Parse("1*kkkkkkkk 1*kkkkkkkk 18*krrrrrrr");
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->ToText(), "2*kkkkkkkk 18*krrrrrrr");
  EXPECT_EQ(ActivationPlan::Parse("")->size(), 0);
}

TEST(ActivationPlanTest, RefusesWhatIsNoPlan) {
  for (const char* text : {"kkkkkkkk", "0*kkkkkkkk", "2*kkkkkkk", "2*kkkkkkkx",
                           "x*kkkkkkkk", "99999*kkkkkkkk"}) {
    auto plan = ActivationPlan::Parse(text);
    EXPECT_FALSE(plan.ok()) << text;
    EXPECT_THAT(plan.status().message(), HasSubstr(text));
  }
  // The input comes from outside: nothing could compute it again.
  EXPECT_FALSE(ActivationPlan::Parse("1*rkkkkkkk").ok());
}

}  // namespace
}  // namespace halfpipe
