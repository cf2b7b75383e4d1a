#include "common/pipeline/waiting_inputs.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {
namespace {

WaitingInputs Of(const SegmentTable& table, const char* list) {
  return WaitingInputsOf(table, ParseText({list}).value()[0]);
}

TEST(WaitingInputsTest, CountsFromTheReceiveToTheActionByKind) {
  const SegmentTable table = SegmentTable::ForStages(2, 2).value();
  // Two inputs of segment 1 wait before the first is used.
  EXPECT_EQ(Of(table, "1RF0 1RF1 1F0 1RF2 1F1 1F2"), (WaitingInputs{2, 0}));
  // Later segments' inputs and gradients share buffers, segment 1's do not.
  EXPECT_EQ(Of(table, "1RF0 3RF0 1RB0 1F0 3F0 1B0"), (WaitingInputs{1, 2}));
  // What a rank made itself was not received: the head's output's gradient.
  EXPECT_EQ(Of(table, "4RF0 4F0 4B0"), (WaitingInputs{0, 1}));
  EXPECT_EQ(Of(table, "4RF0 4F0 4B0").total(), 1);
}

TEST(WaitingInputsTest, EveryRanksFirstSegmentHasItsOwnBuffers) {
  const SegmentTable table = SegmentTable::ForStages(3).value();
  EXPECT_EQ(Of(table, "1RF0 1RF1 1F0 1F1 1RB0 1B0"), (WaitingInputs{2, 1}));
  EXPECT_EQ(Of(table, "2RF0 2RF1 2F0 2F1 2RB0 2B0"), (WaitingInputs{2, 1}));
  EXPECT_EQ(Of(table, "3RF0 3F0 3B0 0RB0 0B0"), (WaitingInputs{0, 1}));
}

TEST(WaitingInputsTest, NothingWaitsOnOneRank) {
  const Schedule schedule =
      BuildSchedule({.microbatches = 4, .stages = 1}).value();
  EXPECT_EQ(schedule.use[0].waiting, WaitingInputs());
}

TEST(WaitingInputsTest, MoreChunksKeepNoMoreWaiting) {
  for (int32_t m : {2, 4, 8, 16}) {
    ScheduleOptions two = {.name = ScheduleName::kInterleaved,
                           .microbatches = m};
    ScheduleOptions four = two;
    four.chunks = 4;
    four.live_chunks = LiveChunks(4);
    for (size_t rank = 0; rank < 2; ++rank) {
      EXPECT_LE(BuildSchedule(four)->use[rank].waiting.total(),
                BuildSchedule(two)->use[rank].waiting.total() + 1);
    }
  }
}

}  // namespace
}  // namespace halfpipe::pipeline
