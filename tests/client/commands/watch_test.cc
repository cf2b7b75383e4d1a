#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(WatchCommandTest, ExitsWithTheJobsCode) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kCancelled;
  client.events = {StepEvent(1, 9, 0), StepEvent(2, 9, 9)};
  const CliResult result =
      RunCli({"watch", "j1", "--after", "1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out, ::testing::Not(HasSubstr("step 1/9")));
  EXPECT_THAT(result.out, HasSubstr("step 2/9"));
}

TEST(WatchCommandTest, ALostServiceIsExitCode4) {
  FakeTrainingClient client;
  client.watch_status = absl::UnavailableError("connection refused");
  EXPECT_EQ(RunCli({"watch", "j1"}, ServiceOf(client)).code, 4);
}

}  // namespace
}  // namespace halfpipe
