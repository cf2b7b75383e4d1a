#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PauseCommandTest, SaysHowToGoOn) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kPausing;
  const CliResult result = RunCli({"pause", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "j1 is pausing; halfpipe resume j1 goes on with it\n");
  EXPECT_THAT(*client.calls, ElementsAre("pause j1"));
}

TEST(PauseCommandTest, JsonIsTheJob) {
  FakeTrainingClient client;
  client.job.state = JobState::kPaused;
  EXPECT_THAT(RunCli({"pause", "j1", "-o", "json"}, ServiceOf(client)).out,
              HasSubstr("\"state\": \"paused\""));
}

TEST(PauseCommandTest, AJobThatHasEndedIsAnError) {
  FakeTrainingClient client;
  client.status = absl::FailedPreconditionError("job j1 is done");
  EXPECT_EQ(RunCli({"pause", "j1"}, ServiceOf(client)).code, 1);
}

}  // namespace
}  // namespace halfpipe
