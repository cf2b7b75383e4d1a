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

// What the last step of a job foretold holds only while it trains.
TEST(ListCommandTest, NamesTheJobAndItsTimeLeftWhileItTrains) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.name = "my fox";
  client.job.state = JobState::kRunning;
  client.job.last_step = StepProgress{};
  client.job.last_step->eta_seconds = 3725;
  const std::string running = RunCli({"list"}, ServiceOf(client)).out;
  EXPECT_THAT(running, HasSubstr("1h02m"));
  EXPECT_THAT(running, HasSubstr("my fox"));
  client.job.state = JobState::kCancelled;
  EXPECT_THAT(RunCli({"list"}, ServiceOf(client)).out,
              ::testing::Not(HasSubstr("1h02m")));
}

TEST(ListCommandTest, SaysThatThereAreMore) {
  FakeTrainingClient client;
  EXPECT_THAT(RunCli({"list", "--limit", "1"}, ServiceOf(client)).err,
              HasSubstr("more jobs than these 1: --all"));
  client.calls->clear();
  const CliResult all =
      RunCli({"list", "--limit", "1", "--all"}, ServiceOf(client));
  EXPECT_EQ(all.err, "");
  EXPECT_THAT(*client.calls, ElementsAre("list 200", "list 200"));
}

TEST(ListCommandTest, ALongReasonIsCutToItsFirstLine) {
  FakeTrainingClient client;
  client.job.reason = "2 samples cannot be used:\na.mp4\nb.mp4";
  const std::string out = RunCli({"list"}, ServiceOf(client)).out;
  EXPECT_THAT(out, HasSubstr("2 samples cannot be used:\n"));
  EXPECT_THAT(out, ::testing::Not(HasSubstr("a.mp4")));
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
