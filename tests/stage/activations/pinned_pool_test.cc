#include "stage/activations/pinned_pool.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "common/jobs/failure_notes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/runtime/host_event.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;

// A host that lets `limit` bytes be pinned. Useful for: refusals.
struct Host {
  int64_t limit = 0;
  int64_t available = 0;
  int64_t pinned = 0;
  int pins = 0;
};

class LimitedPinning : public HostPinning {
 public:
  explicit LimitedPinning(Host* host) : host_(host) {}

  int64_t AvailableBytes() override { return host_->available; }

  absl::StatusOr<void*> Pin(size_t bytes) override {
    const auto size = static_cast<int64_t>(bytes);
    if (host_->pinned + size > host_->limit) {
      return absl::ResourceExhaustedError("RLIMIT_MEMLOCK is small");
    }
    host_->pinned += size;
    ++host_->pins;
    return std::malloc(bytes);
  }

  void Unpin(void* data, size_t bytes) override {
    host_->pinned -= static_cast<int64_t>(bytes);
    std::free(data);
  }

 private:
  Host* host_;
};

class PinnedPoolTest : public ::testing::Test {
 protected:
  Host host_ = {.limit = 100};
};

TEST_F(PinnedPoolTest, BuffersAreUsedAgainAndUnpinnedAtTheEnd) {
  {
    PinnedPool pool(std::make_unique<LimitedPinning>(&host_));
    PinnedBuffer first = pool.Take(40).value();
    void* const data = first.data;
    pool.Return(std::move(first));
    PinnedBuffer again = pool.Take(40).value();
    EXPECT_EQ(again.data, data);
    EXPECT_EQ(pool.bytes(), 40);
    pool.Return(std::move(again));
  }
  EXPECT_EQ(host_.pins, 1);
  EXPECT_EQ(host_.pinned, 0);
}

TEST_F(PinnedPoolTest, ARefusalSaysHowMuchWasPinnedAndAskedFor) {
  PinnedPool pool(std::make_unique<LimitedPinning>(&host_));
  PinnedBuffer held = pool.Take(70).value();
  const absl::Status refused = pool.Take(40).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(PinRefusalOf(refused),
            (PinRefusal{.pinned_bytes = 70, .asked_bytes = 40}));
  EXPECT_THAT(refused.message(), HasSubstr("(40 bytes)"));
  EXPECT_THAT(refused.message(), HasSubstr("RLIMIT_MEMLOCK is small"));
  EXPECT_EQ(pool.bytes(), 70);
  pool.Return(std::move(held));
}

TEST_F(PinnedPoolTest, IdleBuffersOfOtherSizesMakeRoom) {
  PinnedPool pool(std::make_unique<LimitedPinning>(&host_));
  PinnedBuffer small = pool.Take(30).value();
  PinnedBuffer large = pool.Take(70).value();
  small.last_use = HostEvent::Now();
  pool.Return(std::move(small));
  // 30 are idle: not enough.
  const absl::Status refused = pool.Take(40).status();
  EXPECT_EQ(PinRefusalOf(refused),
            (PinRefusal{.pinned_bytes = 70, .asked_bytes = 40}));
  pool.Return(std::move(large));
  PinnedBuffer other = pool.Take(90).value();
  EXPECT_EQ(pool.bytes(), 90);
  EXPECT_EQ(host_.pinned, 90);
  pool.Return(std::move(other));
}

TEST_F(PinnedPoolTest, WhatTheHostDoesNotHaveIsNotTouched) {
  host_ = {.limit = 10'000 * kMiB, .available = 600 * kMiB};
  PinnedPool pool(std::make_unique<LimitedPinning>(&host_));
  const absl::Status refused = pool.Take(100 * kMiB).status();
  EXPECT_EQ(host_.pins, 0);
  EXPECT_THAT(refused.message(), HasSubstr("the host has 600.0 MiB left"));
  EXPECT_TRUE(PinRefusalOf(refused).has_value());
  host_.available = 0;  // it does not say
  PinnedBuffer buffer = pool.Take(100 * kMiB).value();
  pool.Return(std::move(buffer));
}

}  // namespace
}  // namespace halfpipe
