#include "stage/runtime/host_event.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"

namespace halfpipe {
namespace {

TEST(HostEventTest, WaitEndsWithTheStatusOfTheWork) {
  HostEvent event;
  EXPECT_TRUE(absl::IsDeadlineExceeded(event.WaitOnHost(absl::Now())));
  std::thread worker([&] { event.Set(absl::AbortedError("gone")); });
  EXPECT_TRUE(absl::IsAborted(event.WaitOnHost(absl::InfiniteFuture())));
  worker.join();
  event.Set(absl::OkStatus());  // only the first one counts
  EXPECT_TRUE(absl::IsAborted(event.WaitOnHost(absl::InfiniteFuture())));
}

TEST(HostEventTest, SecondsNeedTwoSetEvents) {
  const EventPtr origin = HostEvent::Now();
  HostEvent open;
  EXPECT_TRUE(absl::IsFailedPrecondition(open.SecondsSince(*origin).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(origin->SecondsSince(open).status()));
  absl::SleepFor(absl::Milliseconds(10));
  EXPECT_GE(HostEvent::Now()->SecondsSince(*origin).value(), 0.010);
}

}  // namespace
}  // namespace halfpipe
