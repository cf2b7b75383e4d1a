#include "common/plan/stage_options.h"

#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

constexpr int64_t kBlocks = 20;
constexpr int64_t kNoLimit = int64_t{1} << 60;
const StageOptions::Moments kThreeLive = {{.chunk = 0, .live = {3}}};

class StageOptionsTest : public ::testing::Test {
 protected:
  StageOptionsTest()
      : model_(MakeBlockModel(A14bBlock(), MeasuredH200())),
        rates_(CopyRatesOf(MeasuredH200(), model_, kBlocks)),
        options_(StageOptions::Enumerate(model_, rates_, kBlocks, kThreeLive)) {
  }

  const BlockModel model_;
  const CopyRates rates_;
  const StageOptions options_;
};

TEST_F(StageOptionsTest, WithoutLimitsEverythingIsKept) {
  const StageOption* option = options_.Fastest(kNoLimit, kNoLimit);
  ASSERT_NE(option, nullptr);
  EXPECT_EQ(option->plan,
            ActivationPlan::Uniform(ActivationPolicy::kKeep, kBlocks));
}

TEST_F(StageOptionsTest, WithoutAHostNothingIsOffloaded) {
  const StageOption* option = options_.Fastest(40 * kGiB, 0);
  ASSERT_NE(option, nullptr);
  EXPECT_EQ(option->cost.host_bytes, 0);
  EXPECT_EQ(option->plan.ToText().find('o'), std::string::npos);
  // Attention is what is worth keeping first.
  for (int64_t i = 0; i < kBlocks; ++i) {
    EXPECT_EQ(option->plan[i].of(SavedGroup::kSelfOut), Fate::kKeep) << i;
  }
  EXPECT_NE(option->plan[0].of(SavedGroup::kCrossOut), Fate::kKeep);
}

TEST_F(StageOptionsTest, EveryChoiceIsWithinItsBudgetsAndMoreIsNeverSlower) {
  double by_device[20] = {};
  for (int64_t host = 0; host <= 160; host += 8) {
    double before = 1e9;
    for (int64_t step = 0; step < 20; ++step) {
      const int64_t device = (3 + 5 * step) * kGiB;
      const StageOption* option = options_.Fastest(device, host * kGiB);
      if (option == nullptr) {
        EXPECT_EQ(before, 1e9) << "more device memory fits less";
        continue;
      }
      EXPECT_LE(option->cost.device_bytes(), device);
      EXPECT_LE(option->cost.host_bytes, host * kGiB);
      EXPECT_LE(option->cost.seconds(), before);
      before = option->cost.seconds();
      double& column = by_device[step];
      if (column > 0.0) {
        EXPECT_LE(before, column);
      }
      column = before;
      const StageCost again = CostOfStage(model_, rates_, option->plan, 3);
      EXPECT_EQ(again.device_bytes(), option->cost.device_bytes());
      EXPECT_EQ(again.seconds(), option->cost.seconds());
    }
  }
}

TEST_F(StageOptionsTest, TheLeanestOptionsDecideWhatFits) {
  const StageOptions lean =
      StageOptions::EnumerateLeanest(model_, rates_, kBlocks, kThreeLive);
  EXPECT_EQ(lean.Leanest().cost.device_bytes(),
            options_.Leanest().cost.device_bytes());
  const int64_t least = lean.Leanest().cost.device_bytes();
  EXPECT_EQ(options_.Fastest(least - 1, kNoLimit), nullptr);
  EXPECT_NE(options_.Fastest(least, kNoLimit), nullptr);
  const int64_t host = lean.LeastHostBytes(least);
  EXPECT_GT(host, 0);
  EXPECT_EQ(options_.Fastest(least, host - 1), nullptr);
  EXPECT_NE(options_.Fastest(least, host), nullptr);
  EXPECT_EQ(lean.LeastHostBytes(least - 1), -1);
  EXPECT_EQ(lean.LeastHostBytes(kNoLimit), 0);
}

TEST_F(StageOptionsTest, APolicyIsOneOption) {
  const StageOptions keep = StageOptions::Uniform(
      ActivationPolicy::kKeep, model_, rates_, kBlocks, kThreeLive);
  EXPECT_EQ(keep.Fastest(20 * kGiB, kNoLimit), nullptr);
  ASSERT_NE(keep.Fastest(kNoLimit, 0), nullptr);
}

TEST_F(StageOptionsTest, OneBlockIsAStageToo) {
  const StageOptions one =
      StageOptions::Enumerate(model_, rates_, 1, {{.chunk = 0, .live = {1}}});
  ASSERT_NE(one.Fastest(kNoLimit, 0), nullptr);
  EXPECT_EQ(one.Fastest(kNoLimit, 0)->plan.ToText(), "1*kkkkkkkk");
}

}  // namespace
}  // namespace halfpipe
