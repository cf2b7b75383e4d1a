#include "stage/serve/termination_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace halfpipe {
namespace {

TEST(TerminationWatchTest, HangUpReloadsAndEndsNothing) {
  TerminationWatch watch;
  absl::Notification reloaded;
  watch.OnHangUp([&] { reloaded.Notify(); });
  ASSERT_EQ(kill(getpid(), SIGHUP), 0);
  EXPECT_TRUE(reloaded.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_FALSE(watch.token().stop_requested());
  watch.OnHangUp(nullptr);
  ASSERT_EQ(kill(getpid(), SIGHUP), 0);
  ASSERT_EQ(kill(getpid(), SIGTERM), 0);
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  while (!watch.token().stop_requested() && absl::Now() < limit) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_TRUE(watch.token().stop_requested());
}

TEST(TerminationWatchTest, EndsWithoutASignal) {
  const TerminationWatch watch;
  EXPECT_FALSE(watch.token().stop_requested());
}

}  // namespace
}  // namespace halfpipe
