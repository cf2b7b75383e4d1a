#include "common/pipeline/segment_table.h"

#include <gtest/gtest.h>

#include "common/pipeline/cost_model.h"

namespace halfpipe::pipeline {
namespace {

TEST(SegmentTableTest, TwoStagesAreUShaped) {
  auto table = SegmentTable::ForStages(2);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rank_count(), 2);
  EXPECT_EQ(table->head(), Segment(2));
  EXPECT_EQ(table->rank_of(Segment(1)), Rank(1));
  EXPECT_EQ(table->rank_of(table->head()), Rank(0));
  EXPECT_TRUE(table->crosses_after(Segment(0)));
  EXPECT_TRUE(table->crosses_after(Segment(1)));
  EXPECT_FALSE(table->crosses_after(Segment(2)));
  EXPECT_EQ(table->segments_of(Rank(0)),
            (std::vector<Segment>{Segment(0), Segment(2)}));
  EXPECT_FALSE(table->has(Segment(3)));
  EXPECT_FALSE(table->has(Segment(-1)));
}

TEST(SegmentTableTest, ChunksTakeTurnsBeforeTheHead) {
  auto table = SegmentTable::ForStages(2, 2);
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(table->segment_count(), 5);
  for (int32_t s = 0; s < 5; ++s) {
    EXPECT_EQ(table->rank_of(Segment(s)), Rank(s % 2));
  }
  EXPECT_EQ(SegmentTable::ForStages(1, 2)->segment_count(), 3);
  EXPECT_TRUE(absl::IsInvalidArgument(SegmentTable::ForStages(2, 0).status()));
}

TEST(SegmentTableTest, MoreStagesAreARing) {
  for (int stages : {3, 4}) {
    for (int chunks : {1, 2}) {
      const auto table = SegmentTable::ForStages(stages, chunks);
      ASSERT_TRUE(table.ok()) << table.status();
      EXPECT_EQ(table->rank_count(), stages);
      ASSERT_EQ(table->segment_count(), stages * chunks + 1);
      for (int32_t s = 0; s < table->segment_count(); ++s) {
        EXPECT_EQ(table->rank_of(Segment(s)), Rank(s % stages));
        EXPECT_EQ(table->is_first_of_rank(Segment(s)), s < stages);
        EXPECT_EQ(table->crosses_after(Segment(s)),
                  Segment(s) != table->head());
      }
    }
  }
}

TEST(SegmentTableTest, OneStageCrossesNothing) {
  auto table = SegmentTable::ForStages(1);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rank_count(), 1);
  EXPECT_EQ(table->segments_of(Rank(0)).size(), 3u);
  EXPECT_FALSE(table->crosses_after(Segment(0)));
}

TEST(SegmentTableTest, TablesThatCannotBeAreRefused) {
  for (int stages : {0, -1}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(SegmentTable::ForStages(stages).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(SegmentTable::FromRanks({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      SegmentTable::FromRanks({Rank(0), Rank(2)}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      SegmentTable::FromRanks({Rank(0), Rank(-1)}).status()));
}

TEST(SegmentTableTest, TheStagesBehindTheFirstShareItsRest) {
  using Blocks = std::vector<int64_t>;
  EXPECT_EQ(BlocksOfStages(40, 40, 1), (Blocks{40}));
  EXPECT_EQ(BlocksOfStages(40, 21, 2), (Blocks{21, 19}));
  EXPECT_EQ(BlocksOfStages(40, 13, 3), (Blocks{13, 14, 13}));
  EXPECT_EQ(BlocksOfStages(40, 10, 4), (Blocks{10, 10, 10, 10}));
  EXPECT_EQ(BlocksOfStages(4, 1, 4), (Blocks{1, 1, 1, 1}));
}

TEST(CostModelTest, EveryActionHasItsPrice) {
  auto table = SegmentTable::ForStages(2);
  ASSERT_TRUE(table.ok());
  CostModel costs = NominalCosts(*table);
  costs.transfer_seconds = 0.25;
  costs.norm_seconds = 0.5;
  costs.optimizer_seconds = 0.75;
  const auto price = [&costs](Op op, int segment) {
    return costs.SecondsOf({op, Segment(segment), Microbatch(0)});
  };
  EXPECT_DOUBLE_EQ(price(Op::kForward, 1), 1.0);
  EXPECT_DOUBLE_EQ(price(Op::kBackward, 0), 3.0);
  EXPECT_DOUBLE_EQ(price(Op::kForward, 2), 0.03);
  EXPECT_DOUBLE_EQ(price(Op::kBackward, 2), 0.06);
  for (Op op : {Op::kSendActivation, Op::kReceiveActivation, Op::kSendGradient,
                Op::kReceiveGradient}) {
    EXPECT_DOUBLE_EQ(price(op, 0), 0.25);
  }
  EXPECT_DOUBLE_EQ(price(Op::kExchangeGradNorm, 0), 0.5);
  EXPECT_DOUBLE_EQ(price(Op::kOptimizerStep, 0), 0.75);
}

}  // namespace
}  // namespace halfpipe::pipeline
