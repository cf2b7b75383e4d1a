#include "coordinator/run/next_save.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(PredictSaveTest, BySteps) {
  const SaveInterval every = {.steps = 250, .seconds = 0};
  const NextSave next = PredictSave(every, 100, 1000, absl::Seconds(9), 2.0);
  EXPECT_EQ(next.step, 250);
  EXPECT_DOUBLE_EQ(next.seconds, 300.0);
  // A step that is about to be saved looks forward to the one after it.
  EXPECT_EQ(PredictSave(every, 250, 1000, absl::Seconds(9), 2.0).step, 500);
  EXPECT_EQ(PredictSave(every, 900, 1000, absl::Seconds(9), 2.0).step, 1000);
}

TEST(PredictSaveTest, ByTime) {
  const SaveInterval every = {.steps = 0, .seconds = 60};
  // 45 s are left: the fifth step of 10 s passes them.
  const NextSave next = PredictSave(every, 7, 1000, absl::Seconds(15), 10.0);
  EXPECT_EQ(next.step, 12);
  EXPECT_DOUBLE_EQ(next.seconds, 50.0);
  EXPECT_EQ(PredictSave(every, 7, 1000, absl::Hours(2), 10.0).step, 8);
  EXPECT_EQ(PredictSave(every, 7, 9, absl::Seconds(0), 10.0).step, 9);
  EXPECT_EQ(PredictSave(every, 7, 1000, absl::Seconds(0), 1e-300).step, 1000);
}

TEST(PredictSaveTest, WithoutAMeasuredStepOnlyTheEndIsKnown) {
  const SaveInterval every = {.steps = 0, .seconds = 60};
  const NextSave next = PredictSave(every, 7, 1000, absl::Seconds(0), 0.0);
  EXPECT_EQ(next.step, 1000);
  EXPECT_DOUBLE_EQ(next.seconds, 0.0);
}

}  // namespace
}  // namespace halfpipe
