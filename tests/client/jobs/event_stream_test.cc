#include "client/client_test_support.h"
#include "client/jobs/follow_job.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(EventStreamTest, ResultComesAfterTheLastEventWasTaken) {
  FakeTrainingClient client;
  client.events = {StepEvent(1, 2, 0), StepEvent(2, 2, 1)};
  client.watch_status = absl::UnavailableError("gone");
  EventStream stream(client, {});
  size_t taken = 0;
  EXPECT_TRUE(EventuallyTrue([&] {
    taken += stream.Take().size();
    return stream.result().has_value();
  }));
  EXPECT_EQ(taken, 2u);
  EXPECT_EQ(*stream.result(), absl::UnavailableError("gone"));
}

TEST(EventStreamTest, DestructionStopsTheWatch) {
  FakeTrainingClient client;
  client.hang = true;
  { const EventStream stream(client, {}); }  // would hang the test
  SUCCEED();
}

}  // namespace
}  // namespace halfpipe
