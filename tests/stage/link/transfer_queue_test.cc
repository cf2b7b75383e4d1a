#include "stage/link/transfer_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "absl/time/clock.h"

namespace halfpipe {
namespace {

const absl::Time kPast = absl::InfinitePast();

TransferJob Job(const std::shared_ptr<PendingTransfer>& transfer) {
  return {{}, nullptr, transfer};
}

bool IsSet(const EventPtr& event) {
  return !absl::IsDeadlineExceeded(event->WaitOnHost(kPast));
}

TEST(PendingTransferTest, IsDoneWithItsLastPart) {
  PendingTransfer transfer(2);
  const TransferEvents events = transfer.events();
  EXPECT_FALSE(IsSet(events.started));
  transfer.Begin();
  EXPECT_TRUE(IsSet(events.started));
  transfer.FinishPart(absl::OkStatus());
  EXPECT_FALSE(IsSet(events.done));
  transfer.FinishPart(absl::OkStatus());
  EXPECT_TRUE(events.done->WaitOnHost(kPast).ok());
}

// Whoever sees `done` may free the buffers: not while the other direction of
// an exchange is still written to.
TEST(PendingTransferTest, AFailedPartDoesNotEndTheOther) {
  PendingTransfer transfer(2);
  const TransferEvents events = transfer.events();
  transfer.FinishPart(absl::AbortedError("first"));
  EXPECT_TRUE(absl::IsAborted(events.started->WaitOnHost(kPast)));
  EXPECT_FALSE(IsSet(events.done));
  transfer.FinishPart(absl::OkStatus());
  EXPECT_TRUE(absl::IsAborted(events.done->WaitOnHost(kPast)));
}

TEST(TransferQueueTest, JobsComeInOrderAndEmptyMeansFinished) {
  TransferQueue queue;
  auto first = std::make_shared<PendingTransfer>(1);
  auto second = std::make_shared<PendingTransfer>(1);
  ASSERT_TRUE(queue.Add(Job(first)).ok());
  ASSERT_TRUE(queue.Add(Job(second)).ok());
  EXPECT_EQ(queue.Take()->transfer, first);
  queue.Finished();
  EXPECT_EQ(queue.Take()->transfer, second);
  // Taken is not finished.
  EXPECT_TRUE(absl::IsDeadlineExceeded(queue.WaitEmpty(kPast)));
  queue.Finished();
  EXPECT_TRUE(queue.WaitEmpty(kPast).ok());
}

TEST(TransferQueueTest, CloseFailsWhatWaitsAndWhatComes) {
  TransferQueue queue;
  auto waiting = std::make_shared<PendingTransfer>(1);
  ASSERT_TRUE(queue.Add(Job(waiting)).ok());
  queue.Close(absl::AbortedError("first"));
  queue.Close(absl::AbortedError("second"));
  EXPECT_EQ(waiting->events().done->WaitOnHost(kPast),
            absl::AbortedError("first"));
  auto late = std::make_shared<PendingTransfer>(1);
  EXPECT_EQ(queue.Add(Job(late)), absl::AbortedError("first"));
  EXPECT_TRUE(IsSet(late->events().done));
  EXPECT_FALSE(queue.Take().has_value());
  EXPECT_TRUE(absl::IsAborted(queue.WaitEmpty(absl::InfiniteFuture())));
}

TEST(TransferQueueTest, CloseEndsATakeThatWaits) {
  TransferQueue queue;
  std::thread taker([&queue] { EXPECT_FALSE(queue.Take().has_value()); });
  absl::SleepFor(absl::Milliseconds(20));
  queue.Close(absl::AbortedError("closed"));
  taker.join();
}

}  // namespace
}  // namespace halfpipe
