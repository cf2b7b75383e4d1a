#include "coordinator/page/step_history.h"

#include <algorithm>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

StepProgress StepOf(int64_t steps_done, double loss) {
  StepProgress step;
  step.steps_done = steps_done;
  step.loss = loss;
  step.smoothed_loss = loss / 2;
  step.grad_norm = 2 * loss;
  step.learning_rate = 1e-4;
  return step;
}

auto Steps(int64_t steps_done) {
  return Field(&StepPoint::steps_done, steps_done);
}

TEST(StepHistoryTest, AShortJobHasEveryStep) {
  StepHistory history;
  for (int64_t i = 1; i <= 4; ++i) {
    history.Add(StepOf(i, static_cast<double>(i)));
  }
  EXPECT_THAT(history.Between(0, 100, 100),
              ElementsAre(Steps(1), Steps(2), Steps(3), Steps(4)));
  EXPECT_THAT(history.Between(2, 3, 100), ElementsAre(Steps(2), Steps(3)));
  const StepPoint point = history.Between(2, 2, 1)[0];
  EXPECT_EQ(point.steps, 1);
  EXPECT_EQ(point.loss, 2.0F);
  EXPECT_EQ(point.least_loss, 2.0F);
  EXPECT_EQ(point.smoothed, 1.0F);
  EXPECT_EQ(point.grad_norm, 4.0F);
  EXPECT_THAT(history.Between(5, 100, 100), IsEmpty());
  EXPECT_THAT(history.Between(1, 4, 0), IsEmpty());
}

TEST(StepHistoryTest, ManyStepsAreFewPointsThatKeepTheExtremes) {
  StepHistory history;
  for (int64_t i = 1; i <= 10; ++i) history.Add(StepOf(i, i == 7 ? 9.0 : 1.0));
  const auto points = history.Between(0, 100, 3);
  EXPECT_THAT(points, ElementsAre(Steps(4), Steps(8), Steps(10)));
  EXPECT_EQ(points[0].steps, 4);
  EXPECT_EQ(points[1].loss, 3.0F);
  EXPECT_EQ(points[1].least_loss, 1.0F);
  EXPECT_EQ(points[1].most_loss, 9.0F);
  EXPECT_EQ(points[1].grad_norm, 18.0F);
}

TEST(StepHistoryTest, ALongJobIsHeldInAsManyPointsAsItMayHave) {
  StepHistory history(8);
  for (int64_t i = 1; i <= 1000; ++i) {
    history.Add(StepOf(i, i == 500 ? 0.25 : 1.0));
  }
  const auto all = history.Between(0, 1000, 100);
  EXPECT_LE(all.size(), 8U);
  EXPECT_GE(all.size(), 4U);
  int64_t steps = 0;
  float least = 2.0F;
  for (const StepPoint& point : all) {
    steps += point.steps;
    least = std::min(least, point.least_loss);
  }
  EXPECT_EQ(steps, 1000);
  EXPECT_EQ(least, 0.25F);
  EXPECT_EQ(all.back().steps_done, 1000);
}

// Steps that are done again, from a checkpoint, are what they are now.
TEST(StepHistoryTest, ARollbackReplacesWhatItDoesAgain) {
  StepHistory history;
  for (int64_t i = 1; i <= 6; ++i) history.Add(StepOf(i, 1.0));
  history.Add(StepOf(4, 0.5));
  EXPECT_THAT(history.Between(0, 9, 9),
              ElementsAre(Steps(1), Steps(2), Steps(3), Steps(4)));
  EXPECT_EQ(history.Between(4, 4, 1)[0].loss, 0.5F);
}

TEST(StepHistoryTest, ALossThatIsNoneIsLeftOut) {
  StepHistory history;
  history.Add(StepOf(1, std::numeric_limits<double>::quiet_NaN()));
  history.Add(StepOf(2, std::numeric_limits<double>::infinity()));
  history.Add(StepOf(3, 1.0));
  EXPECT_THAT(history.Between(0, 9, 9), ElementsAre(Steps(3)));
}

// What a look at a job of 100,000 steps costs: that a screen's worth is sent.
TEST(StepHistoryTest, AHundredThousandStepsAreAScreensWorth) {
  StepHistory history;
  for (int64_t i = 1; i <= 100'000; ++i) history.Add(StepOf(i, 1.0));
  EXPECT_THAT(history.Between(0, 100'000, 1000), SizeIs(1000));
  EXPECT_THAT(history.Between(50'001, 50'500, 1000), SizeIs(500));
}

}  // namespace
}  // namespace halfpipe
