#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ListCommandTest, FetchesAllPagesUpToTheLimit) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kRunning;
  client.job.steps_done = 3;
  client.job.steps_total = 9;
  const CliResult result =
      RunCli({"list", "--state", "running"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("j1  running     3/9"));
  EXPECT_THAT(*client.calls, ElementsAre("list 50 running", "list 49 running"));
  client.calls->clear();
  (void)RunCli({"list", "--limit", "1"}, ServiceOf(client));
  EXPECT_THAT(*client.calls, ElementsAre("list 1"));
}

TEST(ListCommandTest, JsonIsAnArray) {
  FakeTrainingClient client;
  client.job.id = "j1";
  const CliResult result = RunCli({"list", "-o", "json"}, ServiceOf(client));
  EXPECT_EQ(result.out.front(), '[');
  EXPECT_THAT(result.out, HasSubstr("\"id\": \"j1\""));
}

TEST(ListCommandTest, ARefusalIsExitCode5) {
  FakeTrainingClient client;
  client.status = absl::UnauthenticatedError("no token");
  const CliResult result = RunCli({"list"}, ServiceOf(client));
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.err, "halfpipe: no token\n");
}

}  // namespace
}  // namespace halfpipe
