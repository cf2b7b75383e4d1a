#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DeleteCommandTest, SaysWhatStays) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kDone;
  const CliResult result = RunCli({"delete", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out,
            "the record of j1 is deleted; its output folder is as it was\n");
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
