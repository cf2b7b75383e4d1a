#include "coordinator/schedule/event_delivery.h"

#include "common/base/steady_clock.h"
#include "coordinator/job_book_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::SizeIs;

class EventDeliveryTest : public JobBookTest {
 protected:
  // What was handed on is on the disk, and told of.
  void Write() {
    const JobBook::Ticket ticket = delivery_.TakeSubmitted();
    ASSERT_TRUE(ticket != nullptr);
    ASSERT_TRUE(book_->store().Wait(ticket).ok());
    delivery_.Publish();
  }

  EventDelivery delivery_{book_.get()};
};

TEST_F(EventDeliveryTest, WhatIsHandedOnIsForOneToWaitFor) {
  EXPECT_TRUE(delivery_.TakeSubmitted() == nullptr);
  Create("a");
  EXPECT_TRUE(delivery_.TakeSubmitted() == nullptr);
  delivery_.Publish();
  EXPECT_TRUE(delivery_.TakeSubmitted() != nullptr);
  EXPECT_TRUE(delivery_.TakeSubmitted() == nullptr);
}

TEST_F(EventDeliveryTest, EventsComeFromTheDiskAlone) {
  Create("a");
  delivery_.Publish();
  EXPECT_TRUE(absl::IsNotFound(delivery_.Read("a", 0).status()));
  Write();
  const auto batch = delivery_.Read("a", 0);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_THAT(batch->events, SizeIs(1));
  EXPECT_FALSE(batch->complete);
  EXPECT_TRUE(absl::IsOutOfRange(delivery_.Read("a", 2).status()));
}

TEST_F(EventDeliveryTest, TheLastEventsOfAJobThatHasEndedAreSaidToBe) {
  Create("a");
  delivery_.Publish();
  Write();
  ASSERT_TRUE(
      book_->Apply("a", JobTrigger::kCancel, "", absl::OkStatus(), now_).ok());
  EXPECT_FALSE(delivery_.Read("a", 1)->complete) << "the last one comes yet";
  delivery_.Publish();
  Write();
  const auto batch = delivery_.Read("a", 1);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_THAT(batch->events, SizeIs(1));
  EXPECT_TRUE(batch->complete);
}

TEST_F(EventDeliveryTest, AWaitEndsWithoutNewsAtItsDeadline) {
  Create("a");
  delivery_.Publish();
  Write();
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(delivery_.WaitForNews("a", 1, SteadyNow(), &mutex));
  EXPECT_TRUE(delivery_.WaitForNews("a", 0, SteadyNow(), &mutex));
}

}  // namespace
}  // namespace halfpipe
