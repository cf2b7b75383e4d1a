#include "coordinator/schedule/queue_waits.h"

#include "coordinator/schedule/retry_policy.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// Of the monotonic clock.
absl::Time At(double seconds) {
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

// Of the wall clock.
const absl::Time kNoon = absl::UnixEpoch() + absl::Hours(480'012);

TEST(QueueWaitsTest, AWaitForStagesLastsUntilItIsForSomethingElse) {
  QueueWaits waits;
  EXPECT_EQ(waits.WaitsForStages("a", At(1)), At(1));
  EXPECT_EQ(waits.WaitsForStages("a", At(5)), At(1));
  EXPECT_EQ(waits.WaitsForStages("b", At(5)), At(5));
  waits.WaitsForOther("a");
  EXPECT_EQ(waits.WaitsForStages("a", At(7)), At(7));
  waits.Forget("a");
  EXPECT_EQ(waits.WaitsForStages("a", At(9)), At(9));
}

TEST(QueueWaitsTest, AJobThatWasNotTriedIsDue) {
  QueueWaits waits;
  EXPECT_TRUE(waits.IsDue("a", absl::InfinitePast(), At(0), kNoon));
}

TEST(QueueWaitsTest, TheWallClockIsAskedOnce) {
  QueueWaits waits;
  const absl::Time hour = kNoon + absl::Seconds(10);
  EXPECT_FALSE(waits.IsDue("a", hour, At(0), kNoon));
  // Somebody sets it, forth and back.
  EXPECT_FALSE(waits.IsDue("a", hour, At(9), kNoon + absl::Hours(5)));
  EXPECT_TRUE(waits.IsDue("a", hour, At(10), kNoon - absl::Hours(5)));
  // It was tried once more.
  const absl::Time next = kNoon + absl::Seconds(30);
  EXPECT_FALSE(waits.IsDue("a", next, At(10), kNoon + absl::Seconds(10)));
  EXPECT_TRUE(waits.IsDue("a", next, At(30), kNoon));
}

TEST(QueueWaitsTest, NoJobWaitsForLongerThanTheLongestDelay) {
  QueueWaits waits;
  const absl::Time hour = kNoon + absl::Hours(50);
  EXPECT_FALSE(waits.IsDue("a", hour, At(0), kNoon));
  EXPECT_TRUE(waits.IsDue("a", hour, At(0) + kLongestRetryDelay, kNoon));
}

}  // namespace
}  // namespace halfpipe
