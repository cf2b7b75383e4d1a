#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(SaveCommandTest, SaysWhatHappens) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.steps_done = 5;
  EXPECT_EQ(RunCli({"save", "j1"}, ServiceOf(client)).out,
            "j1: saving after the step that is running\n");
  EXPECT_THAT(*client.calls, ElementsAre("save j1"));
  client.job.checkpoints.resize(1);
  client.job.checkpoints[0].steps_done = 5;
  EXPECT_EQ(RunCli({"save", "j1"}, ServiceOf(client)).out,
            "j1: step 5 is saved\n");
}

TEST(SaveCommandTest, AJobThatDoesNotTrainIsAnError) {
  FakeTrainingClient client;
  client.status = absl::FailedPreconditionError("job j1 is queued");
  const CliResult result = RunCli({"save", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, "halfpipe: job j1 is queued\n");
}

}  // namespace
}  // namespace halfpipe
