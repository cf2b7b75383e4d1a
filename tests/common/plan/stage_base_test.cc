#include "common/plan/stage_base.h"

#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

BlockModel Model() { return MakeBlockModel(A14bBlock(), MeasuredH200()); }

StagePlan Base(const PlanRequest& request, const StageDuty& work) {
  StagePlan plan;
  FillBase(request, Model(), work, &plan);
  return plan;
}

TEST(StageBaseTest, StageZeroHasEmbeddingsAndHead) {
  const PlanRequest request = A14bRequest();
  const StagePlan first = Base(request, {.rank = 0, .blocks = 20, .live = 3});
  const StagePlan second = Base(request, {.rank = 1, .blocks = 20, .live = 3});
  EXPECT_EQ(second.weight_bytes, 20 * Model().weight_bytes);
  // 233.1 million parameters, float32.
  EXPECT_NEAR(static_cast<double>(first.weight_bytes - second.weight_bytes),
              2 * 233.13e6, 4e5);
  EXPECT_EQ(first.trained_bytes, 20 * Model().trained_bytes());
  EXPECT_EQ(first.fixed_bytes, MeasuredH200().fixed_bytes);
  EXPECT_EQ(first.live, 3);
}

TEST(StageBaseTest, MomentsArePartOfWhatIsTrainedWhereTheDeviceHoldsThem) {
  PlanRequest request = A14bRequest();
  const StageDuty work{.rank = 0, .blocks = 20, .live = 1};
  const StagePlan here = Base(request, work);
  // Two float32 of a parameter's 18 bytes: masters, moments, gradient, copy.
  EXPECT_EQ(here.moment_bytes, here.trained_bytes / 18 * 8);
  EXPECT_GT(here.moment_bytes, 0);
  request.optimizer_on_host = true;
  EXPECT_EQ(Base(request, work).moment_bytes, 0);
}

TEST(StageBaseTest, OneStageHasNothingToSend) {
  PlanRequest request = A14bRequest();
  const StagePlan pair = Base(request, {.rank = 0, .blocks = 20, .live = 1});
  const StagePlan alone =
      Base(request, {.rank = 0, .stages = 1, .blocks = 20, .live = 1});
  EXPECT_LT(alone.boundary_bytes, pair.boundary_bytes);
}

TEST(StageBaseTest, TheBudgetIsTheCapOrWhatIsFree) {
  PlanRequest request = A14bRequest();
  const StageDuty work{.rank = 0, .blocks = 20, .live = 1};
  EXPECT_EQ(Base(request, work).budget_bytes, MeasuredH200().free_bytes);
  request.gpu_memory_bytes = 22 * kGiB;
  EXPECT_EQ(Base(request, work).budget_bytes, 22 * kGiB);
  request.devices[0].free_bytes = 3 * kGiB;
  EXPECT_EQ(Base(request, work).budget_bytes, 3 * kGiB);
}

TEST(StageBaseTest, Fp8NeedsABufferToDequantiseInto) {
  PlanRequest request = A14bRequest();
  const StageDuty work{.rank = 1, .blocks = 20, .live = 1};
  const int64_t before = Base(request, work).weight_bytes;
  request.weights = WeightForm::kFp8;
  EXPECT_EQ(Base(request, work).weight_bytes - before, 2 * 3 * 5120 * 5120);
}

TEST(StageBaseTest, SlackIsLeftFree) {
  for (int64_t bytes : {int64_t{1000}, kGiB, 7 * kGiB + 12345}) {
    const int64_t usable = WithoutSlack(bytes);
    EXPECT_LE(usable + SlackOf(usable), bytes);
    EXPECT_GT(usable + SlackOf(usable), bytes - 3);
  }
}

TEST(StageBaseTest, SecondsOutsideBlocksAreSmall) {
  PlanRequest request = A14bRequest();
  const pipeline::CostModel costs = CostsOutsideBlocks(request, Model(), 1);
  ASSERT_EQ(costs.segments.size(), 3u);
  EXPECT_GT(costs.segments[2].forward_seconds, 0.0);
  EXPECT_LT(costs.segments[2].backward_seconds, 0.1 * Model().forward_seconds);
  EXPECT_NEAR(costs.transfer_seconds, 0.0006, 0.0001);
  request.schedule.stages = 1;
  EXPECT_EQ(CostsOutsideBlocks(request, Model(), 1).transfer_seconds, 0.0);
  request.schedule.stages = 2;
  request.devices[1].link_bytes_per_second /= 10;
  EXPECT_GT(CostsOutsideBlocks(request, Model(), 1).transfer_seconds, 0.005);
}

}  // namespace
}  // namespace halfpipe
