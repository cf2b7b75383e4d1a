#include "common/base/exponential_mean.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(ExponentialMeanTest, BeginsWithItsFirstValue) {
  ExponentialMean mean(0.98);
  EXPECT_EQ(mean.state(), MeanState());
  mean.Add(3.0);
  EXPECT_EQ(mean.state().value, 3.0);
  mean.Add(1.0);
  EXPECT_NEAR(mean.state().value, (0.98 * 3.0 + 1.0) / 1.98, 1e-12);
}

TEST(ExponentialMeanTest, IsTheSumThatIsDividedByItsWeights) {
  ExponentialMean mean(0.9);
  double sum = 0.0;
  double weight = 0.0;
  for (int i = 0; i < 200; ++i) {
    const double value = std::sin(i) + 2.0;
    mean.Add(value);
    sum = 0.9 * sum + 0.1 * value;
    weight = 0.9 * weight + 0.1;
    EXPECT_NEAR(mean.state().value, sum / weight, 1e-12) << i;
  }
}

TEST(ExponentialMeanTest, WhatIsNotFiniteIsNone) {
  ExponentialMean mean(0.98);
  mean.Add(0.5);
  mean.Add(std::numeric_limits<double>::quiet_NaN());
  mean.Add(std::numeric_limits<double>::infinity());
  EXPECT_EQ(mean.state(), (MeanState{0.5, 1}));
}

TEST(ExponentialMeanTest, GoesOnFromItsStateToTheSameBits) {
  ExponentialMean whole(0.98);
  ExponentialMean halves(0.98);
  for (int i = 0; i < 50; ++i) {
    if (i == 25) halves = ExponentialMean(0.98, halves.state());
    whole.Add(1.0 / (i + 3));
    halves.Add(1.0 / (i + 3));
  }
  EXPECT_EQ(whole.state(), halves.state());
}

}  // namespace
}  // namespace halfpipe
