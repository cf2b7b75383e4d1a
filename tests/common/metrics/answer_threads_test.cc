#include "common/metrics/answer_threads.h"

#include <atomic>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(AnswerThreadsTest, StopWaitsForAllThatWasSubmitted) {
  std::atomic<int> answered{0};
  AnswerThreads threads(2);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(threads.Submit([&answered] { ++answered; }));
  }
  threads.Stop();
  EXPECT_EQ(answered, 100);
  EXPECT_FALSE(threads.Submit([&answered] { ++answered; }));
  EXPECT_EQ(answered, 100);
}

TEST(AnswerThreadsTest, OneThatWaitsDoesNotHoldUpTheOthers) {
  absl::Notification go_on;
  absl::Notification answered;
  AnswerThreads threads(2);
  ASSERT_TRUE(threads.Submit([&go_on] { go_on.WaitForNotification(); }));
  ASSERT_TRUE(threads.Submit([&answered] { answered.Notify(); }));
  EXPECT_TRUE(answered.WaitForNotificationWithTimeout(absl::Seconds(10)));
  go_on.Notify();
}

}  // namespace
}  // namespace halfpipe
