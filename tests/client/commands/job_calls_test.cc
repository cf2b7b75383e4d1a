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

TEST(ResumeCommandTest, SaysWhereItGoesOn) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.steps_done = 7;
  EXPECT_THAT(RunCli({"resume", "j1"}, ServiceOf(client)).out,
              HasSubstr("after step 7"));
  EXPECT_THAT(*client.calls, ElementsAre("resume j1"));
}

TEST(ResumeCommandTest, AJobThatIsDoneIsAnError) {
  FakeTrainingClient client;
  client.status = absl::FailedPreconditionError("job j1 is done");
  EXPECT_EQ(RunCli({"resume", "j1"}, ServiceOf(client)).code, 1);
}

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

TEST(DeleteCommandTest, SaysWhatStays) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kDone;
  const CliResult result = RunCli({"delete", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out,
            "the record of j1 is deleted; its output folder was not changed\n");
  EXPECT_THAT(*client.calls, ElementsAre("delete j1"));
}

TEST(DeleteCommandTest, JsonIsTheJobAsItWas) {
  FakeTrainingClient client;
  client.job.state = JobState::kCancelled;
  EXPECT_THAT(RunCli({"delete", "j1", "-o", "json"}, ServiceOf(client)).out,
              HasSubstr("\"state\": \"cancelled\""));
}

TEST(DeleteCommandTest, AJobThatGoesOnIsAnError) {
  FakeTrainingClient client;
  client.status = absl::FailedPreconditionError("job j1 is running");
  const CliResult result = RunCli({"delete", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("is running"));
}

}  // namespace
}  // namespace halfpipe
