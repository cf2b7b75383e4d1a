#include "coordinator/run/lr_schedule.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TrainConfig Train(LrScheduleType type, int64_t warmup, double min_ratio) {
  TrainConfig train;
  train.steps = 10;
  train.optimizer.learning_rate = 2.0;
  train.lr_schedule.type = type;
  train.lr_schedule.warmup_steps = warmup;
  train.lr_schedule.min_ratio = min_ratio;
  return train;
}

TEST(LrScheduleTest, ConstantIsConstant) {
  const TrainConfig train = Train(LrScheduleType::kConstant, 0, 0.0);
  for (int64_t step = 0; step < 10; ++step) {
    EXPECT_EQ(LearningRateAt(train, step), 2.0) << step;
  }
}

TEST(LrScheduleTest, WarmUpIsLinearFromZero) {
  const TrainConfig train = Train(LrScheduleType::kConstant, 4, 0.0);
  const double expected[] = {0.0, 0.5, 1.0, 1.5, 2.0, 2.0};
  for (int64_t step = 0; step < 6; ++step) {
    EXPECT_DOUBLE_EQ(LearningRateAt(train, step), expected[step]) << step;
  }
}

TEST(LrScheduleTest, LinearEndsAtTheRatio) {
  const TrainConfig train = Train(LrScheduleType::kLinear, 2, 0.25);
  EXPECT_DOUBLE_EQ(LearningRateAt(train, 2), 2.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(train, 6), 1.25);
  EXPECT_DOUBLE_EQ(LearningRateAt(train, 10), 0.5);
  EXPECT_DOUBLE_EQ(LearningRateAt(train, 1000), 0.5);
}

TEST(LrScheduleTest, CosineIsHalfWayInTheMiddle) {
  const TrainConfig train = Train(LrScheduleType::kCosine, 0, 0.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(train, 0), 2.0);
  EXPECT_NEAR(LearningRateAt(train, 5), 1.0, 1e-12);
  EXPECT_NEAR(LearningRateAt(train, 10), 0.0, 1e-12);
  EXPECT_GT(LearningRateAt(train, 2), 2.0 * 0.8);  // flatter than linear
}

}  // namespace
}  // namespace halfpipe
