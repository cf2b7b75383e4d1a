#include "common/pipeline/build.h"

#include <gtest/gtest.h>

namespace halfpipe::pipeline {
namespace {

SegmentTable Stages(int stages) {
  return SegmentTable::ForStages(stages).value();
}

TEST(SegmentTableTest, TheHeadIsOnRankZero) {
  const SegmentTable two = Stages(2);
  EXPECT_EQ(two.rank_count(), 2);
  EXPECT_EQ(two.rank_of(Segment(1)), Rank(1));
  EXPECT_EQ(two.rank_of(two.head()), Rank(0));
  EXPECT_TRUE(two.crosses_after(Segment(0)));
  EXPECT_TRUE(two.crosses_after(Segment(1)));
  EXPECT_FALSE(two.crosses_after(Segment(2)));
  EXPECT_FALSE(Stages(1).crosses_after(Segment(0)));
  EXPECT_FALSE(SegmentTable::ForStages(0).ok());
}

TEST(SegmentTableTest, AGapInTheRanksIsRefused) {
  EXPECT_FALSE(SegmentTable::FromRanks({}).ok());
  EXPECT_FALSE(SegmentTable::FromRanks({Rank(0), Rank(2)}).ok());
  EXPECT_FALSE(SegmentTable::FromRanks({Rank(-1), Rank(0)}).ok());
}

TEST(BuildTest, OneFOneBWithDepthThreeTwoIsTheReferenceListing) {
  const ActionLists lists = BuildOneFOneB(Stages(2), 4, {3, 2}).value();
  EXPECT_EQ(ToString(lists[0]),
            "0F0 0F1 2F0 2B0 0F2 2F1 2B1 0B0 0F3 2F2 2B2 0B1 2F3 2B3 0B2 0B3");
  EXPECT_EQ(ToString(lists[1]), "1F0 1F1 1B0 1F2 1B1 1F3 1B2 1B3");
}

TEST(BuildTest, TextbookOneFOneB) {
  const ActionLists lists = BuildOneFOneB(Stages(2), 3, {2, 1}).value();
  EXPECT_EQ(ToString(lists[0]),
            "0F0 2F0 2B0 0F1 2F1 2B1 0B0 0F2 2F2 2B2 0B1 0B2");
  EXPECT_EQ(ToString(lists[1]), "1F0 1B0 1F1 1B1 1F2 1B2");
}

TEST(BuildTest, OneFOneBWithThreeStagesBeginsDeeperOnTheEarlierRanks) {
  const ActionLists lists = BuildOneFOneB(Stages(3), 4, {3, 2}).value();
  EXPECT_EQ(ToString(lists[0]),
            "0F0 0F1 3F0 3B0 0F2 3F1 3B1 0F3 3F2 3B2 0B0 3F3 3B3 0B1 0B2 0B3");
  EXPECT_EQ(ToString(lists[1]), "1F0 1F1 1F2 1B0 1F3 1B1 1B2 1B3");
  EXPECT_EQ(ToString(lists[2]), "2F0 2F1 2B0 2F2 2B1 2F3 2B2 2B3");
}

TEST(BuildTest, OneFOneBWithFourStages) {
  const ActionLists lists = BuildOneFOneB(Stages(4), 4, {3, 2}).value();
  EXPECT_EQ(ToString(lists[0]),
            "0F0 0F1 4F0 4B0 0F2 4F1 4B1 0F3 4F2 4B2 4F3 4B3 0B0 0B1 0B2 0B3");
  EXPECT_EQ(ToString(lists[1]), "1F0 1F1 1F2 1F3 1B0 1B1 1B2 1B3");
  EXPECT_EQ(ToString(lists[2]), "2F0 2F1 2F2 2B0 2F3 2B1 2B2 2B3");
  EXPECT_EQ(ToString(lists[3]), "3F0 3F1 3B0 3F2 3B1 3F3 3B2 3B3");
}

TEST(BuildTest, OneFOneBNeedsOneSegmentOnEachRank) {
  for (const SegmentTable& table :
       {SegmentTable::ForStages(2, 2).value(),
        SegmentTable::FromRanks({Rank(1), Rank(0), Rank(1)}).value()}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(BuildOneFOneB(table, 4, {3, 2}).status()));
  }
}

TEST(BuildTest, GpipeRunsForwardsFirst) {
  const ActionLists lists = BuildGpipe(Stages(2), 2);
  EXPECT_EQ(ToString(lists[0]), "0F0 0F1 2F0 2B0 2F1 2B1 0B0 0B1");
  EXPECT_EQ(ToString(lists[1]), "1F0 1F1 1B0 1B1");
  EXPECT_EQ(ToString(BuildGpipe(Stages(1), 2)[0]),
            "0F0 1F0 2F0 2B0 0F1 1F1 2F1 2B1 1B0 0B0 1B1 0B1");
  const ActionLists three = BuildGpipe(Stages(3), 2);
  EXPECT_EQ(ToString(three[0]), "0F0 0F1 3F0 3B0 3F1 3B1 0B0 0B1");
  EXPECT_EQ(ToString(three[1]), "1F0 1F1 1B0 1B1");
  EXPECT_EQ(ToString(three[2]), "2F0 2F1 2B0 2B1");
}

TEST(BuildTest, SequentialTakesTurns) {
  EXPECT_EQ(ToString(BuildSequential(Stages(2), 2)[0]),
            "0F0 2F0 2B0 0B0 0F1 2F1 2B1 0B1");
  EXPECT_EQ(ToString(BuildSequential(Stages(1), 1)[0]),
            "0F0 1F0 2F0 2B0 1B0 0B0");
}

TEST(BuildTest, AnotherTableNeedsNoOtherCode) {
  const SegmentTable chunks =
      SegmentTable::FromRanks({Rank(0), Rank(1), Rank(0), Rank(1), Rank(0)})
          .value();
  const ActionLists lists = BuildGpipe(chunks, 2);
  EXPECT_EQ(ToString(lists[0]),
            "0F0 0F1 2F0 2F1 4F0 4B0 4F1 4B1 2B0 2B1 0B0 0B1");
  EXPECT_EQ(ToString(lists[1]), "1F0 1F1 3F0 3F1 3B0 3B1 1B0 1B1");
}

TEST(BuildTest, ImpossibleDepthsAreRefused) {
  for (Warmup warmup : {Warmup{0, 0}, Warmup{1, 2}, Warmup{3, 0}}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(BuildOneFOneB(Stages(2), 4, warmup).status()));
  }
}

}  // namespace
}  // namespace halfpipe::pipeline
