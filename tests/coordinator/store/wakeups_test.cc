#include "coordinator/store/wakeups.h"

#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

class WakeupsTest : public ::testing::Test {
 protected:
  // Waits for `key` until `flag`; true when that took no time-out.
  bool WaitUntil(const std::string& key, const bool& flag) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    absl::MutexLock lock(&mutex_);
    ++waiting_;
    while (!flag && absl::Now() < deadline) {
      wakeups_.Wait(key, deadline, &mutex_);
      ++returned_;
    }
    return flag;
  }

  absl::Mutex mutex_;
  Wakeups wakeups_;
  int waiting_ = 0;
  int returned_ = 0;
  bool a_ = false;
  bool b_ = false;
};

TEST_F(WakeupsTest, WakesThoseOfTheKeyAlone) {
  std::thread first([this] { EXPECT_TRUE(WaitUntil("a", a_)); });
  std::thread second([this] { EXPECT_TRUE(WaitUntil("a", a_)); });
  std::thread other([this] { EXPECT_TRUE(WaitUntil("b", b_)); });
  {
    absl::MutexLock lock(&mutex_);
    const auto all = [this] { return waiting_ == 3; };
    mutex_.Await(absl::Condition(&all));
    a_ = true;
    wakeups_.Wake("nobody");
    wakeups_.Wake("a");
  }
  first.join();
  second.join();
  {
    absl::MutexLock lock(&mutex_);
    EXPECT_EQ(returned_, 2);
    b_ = true;
    wakeups_.WakeAll();
  }
  other.join();
  EXPECT_EQ(returned_, 3);
}

TEST_F(WakeupsTest, EndsAtTheDeadline) {
  absl::MutexLock lock(&mutex_);
  const absl::Time start = absl::Now();
  wakeups_.Wait("a", start + absl::Milliseconds(20), &mutex_);
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

}  // namespace
}  // namespace halfpipe
