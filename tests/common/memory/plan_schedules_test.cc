#include "common/memory/plan_schedules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace halfpipe {
namespace {

using ::testing::SizeIs;

std::vector<pipeline::Schedule> SchedulesFor(
    const pipeline::ScheduleOptions& options, bool fixed_warmup = false) {
  PlanRequest request;
  request.schedule = options;
  request.fixed_warmup = fixed_warmup;
  auto schedules = SchedulesOf(request);
  EXPECT_TRUE(schedules.ok()) << schedules.status();
  return schedules.ok() ? *std::move(schedules)
                        : std::vector<pipeline::Schedule>();
}

TEST(PlanSchedulesTest, EveryDepthOf1F1BFromTheShallowest) {
  const auto schedules = SchedulesFor({.microbatches = 3});
  // (1,1) (2,1) (2,2) (3,1) (3,2) (3,3)
  ASSERT_THAT(schedules, SizeIs(6));
  EXPECT_EQ(schedules.front().options.warmup, (pipeline::Warmup{1, 1}));
  EXPECT_EQ(schedules.back().options.warmup, (pipeline::Warmup{3, 3}));
  EXPECT_THAT(SchedulesFor({.microbatches = 3}, /*fixed_warmup=*/true),
              SizeIs(1));
}

TEST(PlanSchedulesTest, EveryLimitOfLiveChunksOnce) {
  const auto schedules = SchedulesFor(
      {.name = pipeline::ScheduleName::kInterleaved, .microbatches = 8});
  ASSERT_GE(schedules.size(), 3u);
  std::set<std::string> hashes;
  int32_t live = 0;
  for (const pipeline::Schedule& schedule : schedules) {
    EXPECT_GT(schedule.options.live_chunks, live);
    live = schedule.options.live_chunks;
    EXPECT_TRUE(hashes.insert(schedule.hash).second);
  }
  EXPECT_LE(live, pipeline::kLiveChunks);
  // One micro-batch leaves nothing to choose.
  EXPECT_THAT(SchedulesFor({.name = pipeline::ScheduleName::kInterleaved}),
              SizeIs(1));
}

TEST(PlanSchedulesTest, TheOthersAreTheOneAskedFor) {
  EXPECT_THAT(SchedulesFor({.name = pipeline::ScheduleName::kGpipe}),
              SizeIs(1));
  EXPECT_THAT(SchedulesFor({.name = pipeline::ScheduleName::kInterleaved,
                            .microbatches = 8,
                            .stages = 1}),
              SizeIs(1));
}

TEST(PlanSchedulesTest, AScheduleThatCannotBeIsRefused) {
  PlanRequest request;
  request.schedule.name = pipeline::ScheduleName::kInterleaved;
  request.schedule.microbatches = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(SchedulesOf(request).status()));
}

}  // namespace
}  // namespace halfpipe
