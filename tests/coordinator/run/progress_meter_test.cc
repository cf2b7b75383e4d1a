#include "coordinator/run/progress_meter.h"

#include <limits>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

absl::Time At(double seconds) {
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

TEST(ProgressMeterTest, SmoothedLossHasNoBiasAtTheStart) {
  ProgressMeter meter;
  EXPECT_EQ(meter.smoothed_loss(), 0.0);
  for (int i = 0; i < 5; ++i) {
    meter.OnStep(At(i), 0.5, 1.0);
    EXPECT_NEAR(meter.smoothed_loss(), 0.5, 1e-12);
  }
  meter.OnStep(At(6), 1.5, 1.0);
  EXPECT_GT(meter.smoothed_loss(), 0.5);
  EXPECT_LT(meter.smoothed_loss(), 0.8);
}

TEST(ProgressMeterTest, ALossThatIsNotFiniteIsNone) {
  ProgressMeter meter;
  meter.OnStep(At(0), 0.5, 1.0);
  meter.OnStep(At(4), std::numeric_limits<double>::quiet_NaN(), 1.0);
  EXPECT_NEAR(meter.smoothed_loss(), 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(meter.step_seconds(), 4.0);
}

TEST(ProgressMeterTest, TheClockCountsExceptAfterAPause) {
  ProgressMeter meter;
  meter.OnStep(At(100), 1.0, 2.0);
  EXPECT_DOUBLE_EQ(meter.step_seconds(), 2.0);
  meter.OnStep(At(103), 1.0, 2.0);
  EXPECT_DOUBLE_EQ(meter.step_seconds(), 3.0);
  meter.Pause();
  meter.OnStep(At(900), 1.0, 2.5);
  EXPECT_DOUBLE_EQ(meter.step_seconds(), 2.5);
}

TEST(ProgressMeterTest, AStartsFirstStepIsInNoAverage) {
  ProgressMeter meter;
  meter.OnStep(At(0), 1.0, 60.0);
  EXPECT_TRUE(meter.was_first());
  EXPECT_DOUBLE_EQ(meter.step_seconds(), 60.0);
  EXPECT_DOUBLE_EQ(meter.EtaSeconds(2), 120.0);  // there is nothing better
  meter.OnStep(At(2), 1.0, 2.0);
  EXPECT_FALSE(meter.was_first());
  EXPECT_DOUBLE_EQ(meter.EtaSeconds(10), 20.0);
  meter.OnStart();
  meter.OnStep(At(500), 1.0, 30.0);
  EXPECT_TRUE(meter.was_first());
  EXPECT_DOUBLE_EQ(meter.EtaSeconds(10), 20.0);
}

TEST(ProgressMeterTest, TheAverageGoesOnFromWhatIsKnownOfIt) {
  ProgressMeter whole;
  ProgressMeter resumed;
  for (int i = 0; i < 40; ++i) {
    if (i == 15) {
      const MeanState saved = whole.loss_average();
      resumed.set_loss_average(saved);
    }
    whole.OnStep(At(i), 2.0 - 0.01 * i, 1.0);
    if (i >= 15) resumed.OnStep(At(i), 2.0 - 0.01 * i, 1.0);
  }
  EXPECT_EQ(resumed.smoothed_loss(), whole.smoothed_loss());
}

TEST(ProgressMeterTest, EtaIsTheMedianSoThatOneSlowStepDoesNotMoveIt) {
  ProgressMeter meter;
  EXPECT_EQ(meter.EtaSeconds(10), 0.0);
  for (double seconds : {1.0, 1.0, 50.0, 1.0, 1.0}) {
    meter.Pause();
    meter.OnStep(At(0), 1.0, seconds);
  }
  EXPECT_DOUBLE_EQ(meter.EtaSeconds(10), 10.0);
}

}  // namespace
}  // namespace halfpipe
