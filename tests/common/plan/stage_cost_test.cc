#include "common/plan/stage_cost.h"

#include <vector>

#include "common/pipeline/schedule.h"
#include "common/plan/offload_depth.h"
#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

constexpr int64_t kBlocks = 20;

BlockModel Model() { return MakeBlockModel(A14bBlock(), MeasuredH200()); }

StageCost Cost(const ActivationPlan& plan, int32_t live = 3,
               const DeviceRates& rates = MeasuredH200()) {
  const BlockModel model = MakeBlockModel(A14bBlock(), rates);
  return CostOfStage(model, CopyRatesOf(rates, model, plan.size()), plan, live);
}

ActivationPlan Parse(const char* text) {
  return ActivationPlan::Parse(text).value();
}

TEST(StageCostTest, KeepingCostsOnlyDeviceMemory) {
  const BlockModel model = Model();
  const StageCost cost =
      Cost(ActivationPlan::Uniform(ActivationPolicy::kKeep, kBlocks));
  const int64_t block = model.BytesOf(BlockPlan{}, Fate::kKeep);
  EXPECT_EQ(cost.saved_bytes, 3 * kBlocks * block);
  EXPECT_EQ(cost.host_bytes, 0);
  EXPECT_EQ(cost.staging_bytes, 0);
  EXPECT_EQ(cost.stall_seconds, 0.0);
  EXPECT_NEAR(cost.forward_seconds, kBlocks * model.forward_seconds, 1e-9);
  EXPECT_NEAR(cost.backward_seconds, kBlocks * model.backward_seconds, 1e-9);
}

TEST(StageCostTest, RecomputingCostsOnlyTime) {
  const BlockModel model = Model();
  const ActivationPlan plan =
      ActivationPlan::Uniform(ActivationPolicy::kRecompute, kBlocks);
  const StageCost cost = Cost(plan);
  EXPECT_EQ(cost.saved_bytes, 3 * kBlocks * model.of(SavedGroup::kInput).bytes);
  EXPECT_NEAR(cost.recompute_seconds, kBlocks * model.RecomputeSeconds(plan[0]),
              1e-9);
  EXPECT_NEAR(cost.backward_seconds,
              kBlocks * model.backward_seconds + cost.recompute_seconds, 1e-9);
  EXPECT_NEAR(cost.stall_seconds, 0.0, 1e-12);
}

TEST(StageCostTest, OffloadingEverythingIsBoundByPcie) {
  // 2.4 GB a block: 44 ms at 55 GB/s against 32 ms of forward.
  const BlockModel model = Model();
  const StageCost cost =
      Cost(ActivationPlan::Uniform(ActivationPolicy::kOffload, kBlocks));
  const int64_t block = model.BytesOf(BlockPlan{}, Fate::kKeep);
  EXPECT_EQ(cost.host_bytes, 3 * kBlocks * block);
  EXPECT_EQ(cost.saved_bytes, 0);
  // On their way back, and of the last forward not yet let go.
  EXPECT_EQ(cost.staging_bytes, 2 * kOffloadDepth * block);
  EXPECT_GT(cost.stall_seconds, 0.15);
  EXPECT_GT(cost.forward_seconds, 17 * static_cast<double>(block) / 55e9);
}

TEST(StageCostTest, ALittleOffloadHidesExceptBeforeTheFirstBackward) {
  const StageCost all = Cost(Parse("20*ororrrrr"));
  const double first =
      static_cast<double>(Model().of(SavedGroup::kInput).bytes +
                          Model().of(SavedGroup::kSelfOut).bytes) /
      55e9;
  EXPECT_NEAR(all.stall_seconds, first, 1e-4);
  const StageCost kept = Cost(Parse("19*ororrrrr 1*krkrrrrr"));
  EXPECT_NEAR(kept.stall_seconds, 0.0, 1e-9);
  EXPECT_LT(kept.host_bytes, all.host_bytes);
}

TEST(StageCostTest, LiveMicrobatchesMultiplyWhatIsHeld) {
  const ActivationPlan plan = Parse("10*ororrrrr 10*kkkkkkkk");
  const StageCost one = Cost(plan, 1);
  const StageCost four = Cost(plan, 4);
  EXPECT_EQ(four.host_bytes, 4 * one.host_bytes);
  EXPECT_EQ(four.device_bytes() - one.device_bytes(),
            3 * 10 * Model().BytesOf(BlockPlan{}, Fate::kKeep));
  EXPECT_EQ(four.seconds(), one.seconds());
}

TEST(StageCostTest, ALinkThroughTheHostLeavesLessForCopies) {
  DeviceRates rates = MeasuredH200();
  const ActivationPlan plan =
      ActivationPlan::Uniform(ActivationPolicy::kOffload, kBlocks);
  const double alone = Cost(plan, 1, rates).seconds();
  rates.link_uses_pcie = true;
  const BlockModel model = Model();
  const CopyRates left = CopyRatesOf(rates, model, kBlocks);
  EXPECT_LT(left.to_host_bytes_per_second, 55e9);
  // Two activations a micro-batch each way, of the seconds that it takes.
  const double seconds =
      kBlocks * (model.forward_seconds + model.backward_seconds);
  EXPECT_NEAR(left.to_host_bytes_per_second,
              55e9 - 2.0 * 20280 * 5120 * 2 / seconds, 1e3);
  EXPECT_GT(Cost(plan, 1, rates).seconds(), alone);
  rates.device_to_host_bytes_per_second = 1e8;  // slower than the link alone
  EXPECT_GT(CopyRatesOf(rates, model, kBlocks).to_host_bytes_per_second, 0.0);
}

StageCost CostOfChunks(const ActivationPlan& plan,
                       const std::vector<pipeline::LiveMoment>& moments) {
  const BlockModel model = Model();
  BlockUses blocks(model);
  return CostOfStage(CopyRatesOf(MeasuredH200(), model, plan.size()), plan,
                     moments, &blocks);
}

TEST(StageCostTest, EachChunkHoldsWhatIsLiveThere) {
  const BlockModel model = Model();
  const ActivationPlan keep =
      ActivationPlan::Uniform(ActivationPolicy::kKeep, kBlocks + 1);
  const int64_t block = model.BytesOf(BlockPlan{}, Fate::kKeep);
  // 11 blocks in the first chunk, 10 in the second.
  EXPECT_EQ(CostOfChunks(keep, {{.chunk = 0, .live = {5, 2}}}).saved_bytes,
            (5 * 11 + 2 * 10) * block);
  // The worst of several moments counts.
  EXPECT_EQ(CostOfChunks(keep, {{.chunk = 0, .live = {5, 2}},
                                {.chunk = 1, .live = {4, 4}}})
                .saved_bytes,
            (4 * 11 + 4 * 10) * block);
}

TEST(StageCostTest, AsMuchInEveryChunkIsAsMuchInOne) {
  for (const char* text : {"20*kkkkkkkk", "20*oooooooo", "20*krrrrrrr",
                           "8*orokrrrr 12*kkkkkkkk"}) {
    const ActivationPlan plan = Parse(text);
    const StageCost one = Cost(plan, 3);
    const StageCost two = CostOfChunks(
        plan, {{.chunk = 0, .live = {3, 3}}, {.chunk = 1, .live = {3, 3}}});
    EXPECT_EQ(two.host_bytes, one.host_bytes) << text;
    // Behind the block at work, the other chunk's are held all the same.
    EXPECT_GE(two.device_bytes(), one.device_bytes()) << text;
    EXPECT_EQ(two.seconds(), one.seconds()) << text;
  }
}

TEST(StageCostTest, PinnedBuffersOfOneGroupServeBothChunks) {
  const BlockModel model = Model();
  const StageCost cost = CostOfChunks(
      Parse("10*orrrrrrr 10*krrorrrr"),
      {{.chunk = 0, .live = {5, 1}}, {.chunk = 1, .live = {2, 4}}});
  EXPECT_EQ(cost.host_bytes,
            5 * 10 * model.of(SavedGroup::kInput).bytes +
                4 * 10 * model.of(SavedGroup::kCrossInput).bytes);
}

}  // namespace
}  // namespace halfpipe
