#include "common/plan/plan_schedules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::Le;
using ::testing::Pair;
using ::testing::SizeIs;

std::vector<pipeline::Schedule> SchedulesFor(
    const pipeline::ScheduleOptions& options, bool fixed_warmup = false) {
  PlanRequest request;
  request.schedule = options;
  request.fixed_warmup = fixed_warmup;
  request.model.layers = 40;
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
  std::map<int32_t, int32_t> live;  // by chunks
  for (const pipeline::Schedule& schedule : schedules) {
    const int32_t chunks = schedule.options.chunks;
    EXPECT_GT(schedule.options.live_chunks, live[chunks]);
    live[chunks] = schedule.options.live_chunks;
    EXPECT_TRUE(hashes.insert(schedule.hash).second);
  }
  EXPECT_THAT(live, ElementsAre(Pair(2, Le(pipeline::LiveChunks(2))),
                                Pair(4, Le(pipeline::LiveChunks(4)))));
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
