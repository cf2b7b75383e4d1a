#include "stage/train/segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> SizesOf(const std::vector<SegmentContent>& segments) {
  std::vector<int64_t> sizes;
  for (const SegmentContent& segment : segments) {
    sizes.push_back(segment.blocks.size());
  }
  return sizes;
}

TEST(SegmentsTest, SegmentsCoverTheModelOnce) {
  const auto pair = MakeSegments(40, 21, 2);
  ASSERT_EQ(pair.size(), 3u);
  EXPECT_TRUE(pair[0].embeds);
  EXPECT_EQ(pair[0].blocks.end, 21);
  EXPECT_EQ(pair[1].rank, Rank(1));
  EXPECT_EQ(pair[1].blocks.begin, 21);
  EXPECT_EQ(pair[1].blocks.end, 40);
  EXPECT_EQ(pair[2].rank, Rank(0));
  EXPECT_TRUE(pair[2].is_head);
  EXPECT_EQ(pair[2].blocks.begin, pair[2].blocks.end);
  for (const SegmentContent& segment : MakeSegments(40, 40, 1)) {
    EXPECT_EQ(segment.rank, Rank(0));
  }
}

TEST(SegmentsTest, TwoChunksTakeTurns) {
  const auto segments = MakeSegments(40, 20, 2, 2);
  EXPECT_THAT(SizesOf(segments), ElementsAre(10, 10, 10, 10, 0));
  for (int32_t s = 0; s < 5; ++s) {
    EXPECT_EQ(segments[static_cast<size_t>(s)].rank, Rank(s % 2));
    EXPECT_EQ(segments[static_cast<size_t>(s)].embeds, s == 0);
    EXPECT_EQ(segments[static_cast<size_t>(s)].is_head, s == 4);
  }
  EXPECT_THAT(BlocksOf(segments, Rank(0)),
              ElementsAre(BlockRange{0, 10}, BlockRange{20, 30}));
  EXPECT_THAT(BlocksOf(segments, Rank(1)),
              ElementsAre(BlockRange{10, 20}, BlockRange{30, 40}));
}

TEST(SegmentsTest, MoreStagesShareWhatTheFirstOneLeaves) {
  const auto three = MakeSegments(40, 13, 3);
  EXPECT_THAT(SizesOf(three), ElementsAre(13, 14, 13, 0));
  EXPECT_EQ(RankCount(three), 3);
  EXPECT_THAT(BlocksOf(three, Rank(2)), ElementsAre(BlockRange{27, 40}));
  EXPECT_EQ(three.back().rank, Rank(0));
  EXPECT_TRUE(three.back().is_head);
  EXPECT_THAT(SizesOf(MakeSegments(40, 10, 4)), ElementsAre(10, 10, 10, 10, 0));
  const auto interleaved = MakeSegments(40, 14, 3, 2);
  EXPECT_THAT(SizesOf(interleaved), ElementsAre(7, 7, 7, 7, 6, 6, 0));
  for (int32_t s = 0; s < 7; ++s) {
    EXPECT_EQ(interleaved[static_cast<size_t>(s)].rank, Rank(s % 3));
  }
  EXPECT_EQ(RankCount(MakeSegments(40, 40, 1)), 1);
  EXPECT_EQ(RankCount(MakeSegments(40, 20, 2)), 2);
}

TEST(SegmentsTest, WhatIsLeftOverGoesToTheFirstChunks) {
  EXPECT_THAT(SizesOf(MakeSegments(30, 15, 2, 2)), ElementsAre(8, 8, 7, 7, 0));
  EXPECT_THAT(SizesOf(MakeSegments(40, 23, 2, 2)),
              ElementsAre(12, 9, 11, 8, 0));
  // A chunk without blocks passes on what it gets.
  EXPECT_THAT(SizesOf(MakeSegments(2, 1, 2, 2)), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(BlocksOf(MakeSegments(2, 1, 2, 2), Rank(1)),
              ElementsAre(BlockRange{1, 2}));
}

TEST(SegmentsTest, AnEmptyStageHasNoBlocks) {
  EXPECT_THAT(BlocksOf(MakeSegments(4, 4, 1), Rank(1)), IsEmpty());
}

TEST(SegmentsTest, TensorsBelongToTheRankOfTheirBlock) {
  const std::vector<std::string> modules = {"blocks.0.ffn.0", "blocks.1.ffn.0",
                                            "blocks.1.ffn.2", "blocks.2.ffn.0",
                                            "blocks.3.ffn.0"};
  const Rank a(0);
  const Rank b(1);
  EXPECT_THAT(LoraTensorOwners(ModelSpec(), MakeSegments(4, 2, 2, 2), modules),
              ElementsAre(a, a, b, b, b, b, a, a, b, b));
  EXPECT_THAT(LoraTensorOwners(ModelSpec(), MakeSegments(4, 2, 2), modules),
              ElementsAre(a, a, a, a, a, a, b, b, b, b));
}

}  // namespace
}  // namespace halfpipe
