#include "common/base/steady_clock.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace halfpipe {
namespace {

TEST(SteadyClockTest, BeginsWithTheWallClockAndGoesOn) {
  const absl::Time before = SteadyNow();
  EXPECT_LT(absl::AbsDuration(absl::Now() - before), absl::Minutes(1));
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_GE(SteadyNow() - before, absl::Milliseconds(20));
}

}  // namespace
}  // namespace halfpipe
