#include "common/base/steady_waits.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

// The semaphore of steady_waits.cc, through what is built on it. That a clock
// which is set back does not lengthen a wait is tests/e2e/clock_test.sh.
TEST(SteadyWaitsTest, AWaitWithALimitEndsThen) {
  absl::Mutex mutex;
  absl::CondVar changed;
  absl::MutexLock lock(&mutex);
  const absl::Time begin = SteadyNow();
  EXPECT_TRUE(changed.WaitWithTimeout(&mutex, absl::Milliseconds(50)));
  EXPECT_GE(SteadyNow() - begin, absl::Milliseconds(45));
  const bool never = false;
  EXPECT_FALSE(
      mutex.AwaitWithTimeout(absl::Condition(&never), absl::Milliseconds(50)));
  EXPECT_GE(SteadyNow() - begin, absl::Milliseconds(90));
  EXPECT_LT(SteadyNow() - begin, absl::Seconds(20));
  EXPECT_TRUE(changed.WaitWithDeadline(&mutex, absl::InfinitePast()));
}

TEST(SteadyWaitsTest, WhoIsWokenDoesNotWaitForTheLimit) {
  absl::Notification told;
  std::thread teller([&] { told.Notify(); });
  EXPECT_TRUE(told.WaitForNotificationWithTimeout(absl::Seconds(60)));
  teller.join();
}

TEST(SteadyWaitsTest, NoWakeUpIsLostBetweenManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kTurns = 2000;
  absl::Mutex mutex;
  int turn = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&mutex, &turn, i] {
      for (int n = 0; n < kTurns / kThreads; ++n) {
        const auto mine = [&turn, i] { return turn % kThreads == i; };
        absl::MutexLock lock(&mutex);
        ASSERT_TRUE(
            mutex.AwaitWithTimeout(absl::Condition(&mine), absl::Seconds(60)));
        ++turn;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turn, kTurns);
}

}  // namespace
}  // namespace halfpipe
