#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace halfpipe
