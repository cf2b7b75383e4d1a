#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CancelCommandTest, AsksForASaveUnlessNow) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kCancelling;
  EXPECT_EQ(RunCli({"cancel", "j1"}, ServiceOf(client)).out,
            "j1 is cancelling\n");
  EXPECT_THAT(
      RunCli({"cancel", "j1", "--now", "-o", "json"}, ServiceOf(client)).out,
      HasSubstr("\"state\": \"cancelling\""));
  EXPECT_THAT(*client.calls, ElementsAre("cancel j1", "cancel j1 now"));
}

}  // namespace
}  // namespace halfpipe
