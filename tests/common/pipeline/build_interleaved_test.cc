// The list scheduler of `interleaved`; schedule_test.cc has its printed lists.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/pipeline/build.h"

namespace halfpipe::pipeline {
namespace {

SegmentTable TwoChunks() { return SegmentTable::ForStages(2, 2).value(); }

// Live chunks after each action of a list, the head's left out: the most.
int32_t MostLive(const SegmentTable& table, const std::vector<Action>& list) {
  int32_t live = 0;
  int32_t most = 0;
  for (const Action& action : list) {
    if (action.segment == table.head()) continue;
    live += action.op == Op::kForward ? 1 : -1;
    most = std::max(most, live);
  }
  return most;
}

TEST(BuildInterleavedTest, InterleavedTakesTheHeadFirstThenBackwards) {
  const ActionLists lists = BuildInterleaved(TwoChunks(), 2, 9).value();
  EXPECT_EQ(ToString(lists[0]),
            "0F0 0F1 2F0 2F1 4F0 4B0 4F1 4B1 2B0 2B1 0B0 0B1");
  EXPECT_EQ(ToString(lists[1]), "1F0 1F1 3F0 3F1 3B0 3B1 1B0 1B1");
}

TEST(BuildInterleavedTest, InterleavedKeepsItsLimitOfLiveChunks) {
  for (int32_t chunks : {2, 3, 4}) {
    const SegmentTable table = SegmentTable::ForStages(2, chunks).value();
    for (int32_t m : {1, 4, 8, 16}) {
      for (int32_t live = 2 * chunks; live <= 6 * chunks; ++live) {
        const ActionLists lists = BuildInterleaved(table, m, live).value();
        EXPECT_LE(MostLive(table, lists[0]), live);
        EXPECT_LT(MostLive(table, lists[1]), live);
      }
    }
  }
}

TEST(BuildInterleavedTest, TheLimitHoldsWithThreeAndFourStages) {
  for (int32_t stages : {3, 4}) {
    const SegmentTable table = SegmentTable::ForStages(stages, 2).value();
    for (int32_t m : {1, 3, 8}) {
      for (int32_t live : {LeastLiveChunks(2, stages), LiveChunks(2, stages)}) {
        const ActionLists lists = BuildInterleaved(table, m, live).value();
        for (const auto& list : lists) EXPECT_LE(MostLive(table, list), live);
      }
    }
    EXPECT_TRUE(absl::IsInvalidArgument(
        BuildInterleaved(table, 4, LeastLiveChunks(2, stages) - 1).status()));
  }
}

TEST(BuildInterleavedTest, InterleavedOnOneRankIsSequential) {
  EXPECT_EQ(BuildInterleaved(SegmentTable::ForStages(1).value(), 5, 9).value(),
            BuildSequential(SegmentTable::ForStages(1).value(), 5));
}

TEST(BuildInterleavedTest, TooFewLiveChunksAreRefused) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(BuildInterleaved(TwoChunks(), 4, 3).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      BuildInterleaved(SegmentTable::ForStages(2, 4).value(), 4, 7).status()));
}

}  // namespace
}  // namespace halfpipe::pipeline
