#include "common/pipeline/live_moments.h"

#include <algorithm>
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe::pipeline {
namespace {

using ::testing::ElementsAre;

Schedule Build(ScheduleName name, int32_t microbatches, int stages = 2) {
  ScheduleOptions options;
  options.name = name;
  options.microbatches = microbatches;
  options.stages = stages;
  return BuildSchedule(options).value();
}

TEST(LiveMomentsTest, OneChunkHasOneMoment) {
  for (ScheduleName name : {ScheduleName::kOneFOneB, ScheduleName::kGpipe,
                            ScheduleName::kSequential}) {
    for (const RankUse& use : Build(name, 5).use) {
      EXPECT_THAT(use.moments, ElementsAre(LiveMoment{0, {use.max_live}}));
    }
  }
}

TEST(LiveMomentsTest, AllBlocksOfOneStageAreOneChunk) {
  const Schedule alone = Build(ScheduleName::kInterleaved, 4, /*stages=*/1);
  EXPECT_THAT(alone.use[0].moments, ElementsAre(LiveMoment{0, {1}}));
}

// Counted again, slowly: at each action the micro-batches of each chunk whose
// forward has begun and whose backward is not done.
TEST(LiveMomentsTest, EveryMomentOfInterleavedIsCovered) {
  const Schedule schedule = Build(ScheduleName::kInterleaved, 8);
  for (int32_t rank = 0; rank < 2; ++rank) {
    const auto& use = schedule.use[static_cast<size_t>(rank)];
    std::map<int32_t, std::set<int32_t>> live;  // by segment
    std::set<LiveMoment> seen;
    for (const Action& action : schedule.ranks[static_cast<size_t>(rank)]) {
      const int32_t segment = action.segment.value();
      const bool compute =
          action.op == Op::kForward || action.op == Op::kBackward;
      if (!compute || segment == 4) continue;
      if (action.op == Op::kForward) {
        live[segment].insert(action.microbatch.value());
      }
      const LiveMoment now{segment / 2,
                           {static_cast<int32_t>(live[rank].size()),
                            static_cast<int32_t>(live[rank + 2].size())}};
      seen.insert(now);
      EXPECT_TRUE(std::any_of(
          use.moments.begin(), use.moments.end(), [&](const LiveMoment& most) {
            return most.chunk == now.chunk && most.live[0] >= now.live[0] &&
                   most.live[1] >= now.live[1];
          }));
      if (action.op == Op::kBackward) {
        live[segment].erase(action.microbatch.value());
      }
    }
    for (const LiveMoment& moment : use.moments) {
      EXPECT_TRUE(seen.contains(moment));
      // Counting micro-batches for both chunks alike would be far too much.
      EXPECT_LT(moment.live[0] + moment.live[1], 2 * use.max_live);
      EXPECT_LE(moment.live[0] + moment.live[1], LiveChunks(2));
    }
  }
}

}  // namespace
}  // namespace halfpipe::pipeline
