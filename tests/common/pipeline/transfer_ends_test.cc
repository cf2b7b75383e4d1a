#include "common/pipeline/transfer_ends.h"

#include <gtest/gtest.h>

#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {
namespace {

TimedAction Timed(absl::string_view action, double start, double end) {
  return {ParseAction(action).value(), start, end};
}

TEST(TransferEndsTest, EverySendIsTheReceiveOfTheNextSegment) {
  const Schedule schedule = BuildSchedule({}).value();
  std::vector<std::string> sent;
  std::vector<std::string> received;
  for (const auto& rank : schedule.ranks) {
    for (const Action& action : rank) {
      const std::optional<Action> pair = AsReceived(action);
      if (!pair.has_value() || action.op == Op::kExchangeGradNorm) continue;
      (*pair == action ? received : sent).push_back(ToString(*pair));
    }
  }
  std::sort(sent.begin(), sent.end());
  std::sort(received.begin(), received.end());
  EXPECT_FALSE(sent.empty());
  EXPECT_EQ(sent, received);
}

TEST(TransferEndsTest, TheSecondRankIsMovedToTheFirstOnesClock) {
  std::vector<std::vector<TimedAction>> ranks = {
      {Timed("0F0", 1, 3), Timed("0SF0", 3, 4), Timed("2RF0", 4, 9)},
      // Its clock began 100 s later; one end is a little off.
      {Timed("1RF0", -99.5, -96), Timed("1F0", -96, -92),
       Timed("1SF0", -92, -91)}};
  AlignClocks(&ranks);
  EXPECT_DOUBLE_EQ(ranks[0][0].start_seconds, 0.5);
  EXPECT_DOUBLE_EQ(ranks[1][0].start_seconds, 0.0);
  EXPECT_DOUBLE_EQ(ranks[1][0].end_seconds, ranks[0][1].end_seconds);
  EXPECT_DOUBLE_EQ(ranks[1][1].start_seconds, 3.5);
}

TEST(TransferEndsTest, EachRankIsMovedToTheClockOfTheOneBeforeIt) {
  std::vector<std::vector<TimedAction>> ranks = {
      {Timed("0F0", 0, 1), Timed("0SF0", 1, 2)},
      {Timed("1RF0", 11, 12), Timed("1F0", 12, 13), Timed("1SF0", 13, 14)},
      {Timed("2RF0", 113, 114), Timed("2F0", 114, 115)}};
  AlignClocks(&ranks);
  EXPECT_DOUBLE_EQ(ranks[0][0].start_seconds, 0.0);
  EXPECT_DOUBLE_EQ(ranks[1][0].end_seconds, 2.0);
  EXPECT_DOUBLE_EQ(ranks[2][0].end_seconds, ranks[1][2].end_seconds);
  EXPECT_DOUBLE_EQ(ranks[2][1].end_seconds, 5.0);
}

TEST(TransferEndsTest, WithoutATransferOnlyTheStartIsMoved) {
  std::vector<std::vector<TimedAction>> ranks = {{Timed("0F0", 5, 6)}};
  AlignClocks(&ranks);
  EXPECT_DOUBLE_EQ(ranks[0][0].start_seconds, 0.0);
  std::vector<std::vector<TimedAction>> none;
  AlignClocks(&none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace halfpipe::pipeline
