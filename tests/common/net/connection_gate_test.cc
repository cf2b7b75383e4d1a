#include "common/net/connection_gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "support/raw_client.h"

namespace halfpipe {
namespace {

// A server that takes connections and does nothing with them.
class ConnectionGateTest : public ::testing::Test {
 protected:
  ~ConnectionGateTest() override {
    gate_.reset();
    const absl::MutexLock lock(&mutex_);
    for (const int fd : taken_) close(fd);
  }

  void Open(ConnectionGate::Options options) {
    options.name = "test";
    auto gate = ConnectionGate::Open("127.0.0.1:0", std::move(options));
    ASSERT_TRUE(gate.ok()) << gate.status();
    gate_ = *std::move(gate);
    gate_->Start([this](int fd, const sockaddr* from, uint32_t /*size*/) {
      const absl::MutexLock lock(&mutex_);
      taken_.push_back(fd);
      peers_.push_back(DescribePeer(from).text);
    });
  }

  // Waits for the `count`th connection that is handed on.
  void WaitForTaken(size_t count) {
    const absl::MutexLock lock(&mutex_);
    const auto there = [&] {
      mutex_.AssertHeld();
      return taken_.size() >= count;
    };
    ASSERT_TRUE(
        mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(10)));
  }

  bool WaitForOpen(int64_t count) {
    const absl::Time until = absl::Now() + absl::Seconds(10);
    while (gate_->connections() != count) {
      if (absl::Now() > until) return false;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return true;
  }

  absl::Mutex mutex_;
  std::vector<int> taken_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> peers_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<ConnectionGate> gate_;
};

TEST_F(ConnectionGateTest, HandsOnAndSeesTheEnd) {
  Open({});
  const RawClient one(gate_->address());
  {
    const RawClient two(gate_->address());
    WaitForTaken(2);
    EXPECT_EQ(gate_->connections(), 2);
  }
  // Its owner closes as libraries do: shut down first.
  const absl::MutexLock lock(&mutex_);
  shutdown(taken_[1], SHUT_RDWR);
  EXPECT_TRUE(WaitForOpen(1));
}

TEST_F(ConnectionGateTest, AFloodOfSilentOnesIsBounded) {
  ConnectionLimits limits;
  limits.unproven_in_all = 20;
  Open({.limits = limits});
  std::vector<RawClient> flood;
  for (int i = 0; i < 500; ++i) flood.emplace_back(gate_->address());
  WaitForTaken(500);
  EXPECT_EQ(gate_->connections(), 20);
  EXPECT_TRUE(flood[0].IsClosedWithin(absl::Seconds(10)));
  EXPECT_TRUE(flood[479].IsClosedWithin(absl::Seconds(10)));
  // The last ones are still there.
  EXPECT_FALSE(flood[499].IsClosedWithin(absl::Milliseconds(100)));
}

TEST_F(ConnectionGateTest, OnlyWhatHasProvenItselfOutlivesTheTimeForIt) {
  ConnectionLimits limits;
  limits.time_to_prove = std::chrono::milliseconds(300);
  Open({.limits = limits});
  RawClient proven(gate_->address());
  WaitForTaken(1);
  {
    const absl::MutexLock lock(&mutex_);
    gate_->Prove(peers_[0]);
  }
  gate_->Prove("192.0.2.1:1");  // nobody
  RawClient trickling(gate_->address());
  EXPECT_TRUE(trickling.IsClosedWithin(absl::Seconds(10)));
  EXPECT_FALSE(proven.IsClosedWithin(absl::Milliseconds(100)));
  EXPECT_EQ(gate_->connections(), 1);
}

TEST_F(ConnectionGateTest, WhereDescriptorsAreScarceTheOldestGivesWay) {
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  // Three for each connection here, of which one is the client's.
  Open({.descriptors = {.first_scarce = next + 30}});
  std::vector<RawClient> held;
  for (size_t i = 1; i <= 30; ++i) {
    held.emplace_back(gate_->address());
    WaitForTaken(i);
  }
  EXPECT_LT(gate_->connections(), 12);
  EXPECT_TRUE(held[0].IsClosedWithin(absl::Seconds(5)));
  EXPECT_FALSE(held[29].IsClosedWithin(absl::Milliseconds(100)));
}

TEST_F(ConnectionGateTest, ReservedDescriptorsStayFree) {
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  Open({.descriptors = {.first_reserved = next + 30}});
  std::vector<RawClient> held;
  for (int i = 0; i < 60; ++i) held.emplace_back(gate_->address());
  int refused = 0;
  for (RawClient& client : held) {
    if (client.IsClosedWithin(absl::Milliseconds(50))) ++refused;
  }
  EXPECT_GT(refused, 48);
  EXPECT_LT(gate_->connections(), 12);
}

TEST_F(ConnectionGateTest, StopLeavesThoseThatWereHandedOn) {
  Open({});
  RawClient client(gate_->address());
  WaitForTaken(1);
  gate_->Stop();
  EXPECT_FALSE(client.IsClosedWithin(absl::Milliseconds(100)));
  EXPECT_FALSE(RawClient(gate_->address()).is_open());
}

}  // namespace
}  // namespace halfpipe
