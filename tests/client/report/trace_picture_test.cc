#include "client/report/trace.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

StepTrace Trace(int64_t steps_done, double ended_at) {
  const auto timed = [](absl::string_view action, double start, double end) {
    return pipeline::TimedAction{pipeline::ParseAction(action).value(), start,
                                 end};
  };
  StepTrace trace;
  trace.steps_done = steps_done;
  trace.loss = 0.5;
  trace.time = absl::UnixEpoch() + absl::Seconds(ended_at);
  trace.stages.resize(2);
  trace.stages[0].actions = {timed("0F0", 0, 2), timed("0SF0", 2, 3)};
  trace.stages[1].rank = 1;
  trace.stages[1].actions = {timed("1RF0", 0, 2.5), timed("1F0", 2.5, 4.5)};
  return trace;
}

TEST(TracePictureTest, StepsStandWhereTheyEndedOnOneClock) {
  const auto steps = PictureOf({Trace(41, 100), Trace(42, 110)});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].name, "step 41, loss 0.5");
  EXPECT_DOUBLE_EQ(steps[0].start_seconds, 0.0);
  EXPECT_DOUBLE_EQ(steps[1].start_seconds, 10.0);
  // The transfer ends at 3 on both.
  EXPECT_DOUBLE_EQ(steps[0].ranks[1][0].end_seconds, 3.0);
  EXPECT_DOUBLE_EQ(steps[0].ranks[1][1].end_seconds, 5.0);
}

TEST(TracePictureTest, NoStepBeginsBeforeTheLastOneEnds) {
  // Both reports came late, together.
  const auto steps = PictureOf({Trace(41, 100), Trace(42, 100.5)});
  EXPECT_DOUBLE_EQ(steps[1].start_seconds, 5.0);
}

TEST(TracePictureTest, NothingIsNoPicture) {
  EXPECT_TRUE(PictureOf({}).empty());
}

}  // namespace
}  // namespace halfpipe
