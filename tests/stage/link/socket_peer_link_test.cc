#include "stage/link/socket_peer_link.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "stage/runtime/host_event.h"
#include "support/loopback_peer_link.h"

namespace halfpipe {
namespace {

using Words = std::vector<int64_t>;

BufferView View(Words* words) {
  return {words->data(),
          words->size() * sizeof(int64_t),
          DType::kI64,
          {static_cast<int64_t>(words->size())}};
}

Words Count(size_t size, int64_t first) {
  Words words(size);
  std::iota(words.begin(), words.end(), first);
  return words;
}

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

class LoopbackPeerLinkTest : public testing::Test {
 protected:
  LoopbackPeerLinkTest() {
    auto ends = MakeLoopbackPair().value();
    a_ = std::move(ends.first);
    b_ = std::move(ends.second);
  }

  std::unique_ptr<PeerLink> a_;
  std::unique_ptr<PeerLink> b_;
};

TEST_F(LoopbackPeerLinkTest, BuffersArriveInTheOrderOfTheCalls) {
  Words x = Count(1000, 1);
  Words y = Count(3, 70);
  Words first(1000);
  Words second(3);
  ASSERT_TRUE(a_->Send({View(&x), View(&y)}, nullptr).ok());
  ASSERT_TRUE(a_->Send({View(&y)}, nullptr).ok());
  ASSERT_TRUE(b_->Receive({View(&first), View(&second)}, nullptr).ok());
  Words third(3);
  const TransferEvents events = b_->Receive({View(&third)}, nullptr).value();
  ASSERT_TRUE(b_->Flush(Soon()).ok());
  ASSERT_TRUE(a_->Flush(Soon()).ok());
  EXPECT_EQ(first, x);
  EXPECT_EQ(second, y);
  EXPECT_EQ(third, y);
  EXPECT_GE(events.done->SecondsSince(*events.started).value(), 0.0);
  EXPECT_EQ(a_->bytes_sent(), 8 * (1000 + 3 + 3));
  EXPECT_EQ(b_->bytes_sent(), 0);
}

TEST_F(LoopbackPeerLinkTest, LargeSendsOfBothSidesOverlap) {
  // More than any socket buffer: with one lane both would wait for ever.
  Words from_a = Count(size_t{1} << 20, 5);
  Words from_b = Count(size_t{1} << 20, 9);
  Words at_a(from_b.size());
  Words at_b(from_a.size());
  ASSERT_TRUE(a_->Send({View(&from_a)}, nullptr).ok());
  ASSERT_TRUE(b_->Send({View(&from_b)}, nullptr).ok());
  ASSERT_TRUE(a_->Receive({View(&at_a)}, nullptr).ok());
  ASSERT_TRUE(b_->Receive({View(&at_b)}, nullptr).ok());
  ASSERT_TRUE(a_->Flush(Soon()).ok());
  ASSERT_TRUE(b_->Flush(Soon()).ok());
  EXPECT_EQ(at_b, from_a);
  EXPECT_EQ(at_a, from_b);
}

TEST_F(LoopbackPeerLinkTest, AnExchangeIsDoneWhenBothDirectionsAre) {
  Words from_a = {1, 2};
  Words from_b = {3, 4, 5};
  Words at_a(3);
  Words at_b(2);
  const TransferEvents events =
      a_->Exchange({View(&from_a)}, {View(&at_a)}, nullptr).value();
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      events.done->WaitOnHost(absl::Now() + absl::Milliseconds(30))));
  ASSERT_TRUE(b_->Exchange({View(&from_b)}, {View(&at_b)}, nullptr).ok());
  ASSERT_TRUE(events.done->WaitOnHost(Soon()).ok());
  ASSERT_TRUE(b_->Flush(Soon()).ok());
  EXPECT_EQ(at_a, from_b);
  EXPECT_EQ(at_b, from_a);
}

TEST_F(LoopbackPeerLinkTest, ATransferWaitsForItsEvent) {
  Words x = {1};
  Words received = {0};
  auto ready = std::make_shared<HostEvent>();
  ASSERT_TRUE(a_->Send({View(&x)}, ready).ok());
  ASSERT_TRUE(b_->Receive({View(&received)}, nullptr).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      a_->Flush(absl::Now() + absl::Milliseconds(30))));
  x[0] = 42;
  ready->Set(absl::OkStatus());
  ASSERT_TRUE(a_->Flush(Soon()).ok());
  ASSERT_TRUE(b_->Flush(Soon()).ok());
  EXPECT_EQ(received[0], 42);
}

TEST_F(LoopbackPeerLinkTest, AMismatchIsAnErrorAndNotData) {
  Words two = {1, 2};
  Words three(3);
  const TransferEvents sent = a_->Send({View(&two)}, nullptr).value();
  const TransferEvents events = b_->Receive({View(&three)}, nullptr).value();
  const absl::Status status = events.done->WaitOnHost(Soon());
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_NE(status.message().find("expects 24 bytes"), absl::string_view::npos);
  EXPECT_EQ(three, Words(3));
  // Until then `two` is the link's; the sender may have been done before.
  const absl::Status left = sent.done->WaitOnHost(Soon());
  EXPECT_TRUE(left.ok() || absl::IsAborted(left)) << left;
}

TEST_F(LoopbackPeerLinkTest, AnAbortEndsEveryWaitOnBothSides) {
  Words words(4);
  const TransferEvents here = a_->Receive({View(&words)}, nullptr).value();
  Words others(4);
  const TransferEvents there = b_->Receive({View(&others)}, nullptr).value();
  std::thread aborter([this] {
    absl::SleepFor(absl::Milliseconds(30));
    a_->Abort(absl::CancelledError("abandoned"));
    a_->Abort(absl::InternalError("a second one does nothing"));
  });
  const absl::Time begin = absl::Now();
  EXPECT_EQ(a_->Flush(absl::InfiniteFuture()), absl::AbortedError("abandoned"));
  EXPECT_EQ(here.done->WaitOnHost(Soon()), absl::AbortedError("abandoned"));
  EXPECT_TRUE(absl::IsAborted(there.done->WaitOnHost(Soon())));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
  aborter.join();
  EXPECT_TRUE(absl::IsAborted(a_->Send({View(&words)}, nullptr).status()));
  EXPECT_TRUE(absl::IsAborted(a_->Receive({View(&words)}, nullptr).status()));
  EXPECT_TRUE(
      absl::IsAborted(a_->Exchange({View(&words)}, {}, nullptr).status()));
  EXPECT_TRUE(absl::IsAborted(a_->Flush(Soon())));
}

TEST_F(LoopbackPeerLinkTest, AnAbortEndsAWaitForAnEvent) {
  Words words(4);
  auto never = std::make_shared<HostEvent>();
  const TransferEvents events = a_->Send({View(&words)}, never).value();
  a_->Abort(absl::CancelledError("abandoned"));
  EXPECT_TRUE(absl::IsAborted(events.done->WaitOnHost(Soon())));
}

TEST_F(LoopbackPeerLinkTest, APeerThatLeavesIsNoticedWhileIdle) {
  b_.reset();
  const absl::Time deadline = Soon();
  Words words = {1};
  while (a_->Send({View(&words)}, nullptr).ok() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_LT(absl::Now(), deadline);
}

TEST_F(LoopbackPeerLinkTest, WhatWasSentBeforeThePeerLeftCanStillBeRead) {
  Words words = {1, 2, 3};
  ASSERT_TRUE(b_->Send({View(&words)}, nullptr).ok());
  ASSERT_TRUE(b_->Flush(Soon()).ok());
  b_.reset();
  absl::SleepFor(absl::Milliseconds(120));
  Words received(3);
  const TransferEvents events = a_->Receive({View(&received)}, nullptr).value();
  EXPECT_TRUE(events.done->WaitOnHost(Soon()).ok());
  EXPECT_EQ(received, words);
}

}  // namespace
}  // namespace halfpipe
