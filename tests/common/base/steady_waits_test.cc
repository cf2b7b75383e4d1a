
#include <fcntl.h>
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

// The semaphore of steady_waits.cc, through what is built on it. That a clock
// which is set back does not lengthen a wait needs such a clock: see the last.
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

// Under tests/support/wall_clock.cc, which reads the number in this file.
TEST(SteadyWaitsTest, AClockThatIsSetBackLengthensNoWait) {
  const char* const path = std::getenv("HP_WALL_CLOCK");
  if (path == nullptr) GTEST_SKIP() << "no wall clock that can be set";
  const absl::Time begin = SteadyNow();
  std::thread setter([path] {
    absl::SleepFor(absl::Milliseconds(250));
    const int64_t ahead = -86400;
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(pwrite(fd, &ahead, sizeof(ahead), 0), 8);
    close(fd);
  });
  absl::Mutex mutex;
  absl::CondVar changed;
  for (int i = 0; i < 8; ++i) {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(changed.WaitWithTimeout(&mutex, absl::Milliseconds(100)));
  }
  setter.join();
  EXPECT_LT(SteadyNow() - begin, absl::Seconds(20));
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  EXPECT_LT(absl::TimeFromTimespec(wall), begin - absl::Hours(23));
}

}  // namespace
}  // namespace halfpipe
