#include <string>
#include <vector>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

FakeTrainingClient ClientWithLogs() {
  FakeTrainingClient client;
  JobEvent line;
  line.cursor = 1;
  line.what = LogLine{.severity = LogSeverity::kWarning, .text = "slow disk"};
  client.events = {line, StepEvent(2, 9, 0)};
  return client;
}

TEST(LogsCommandTest, LeavesOutTheSteps) {
  for (const char* flag : {"-o", "-f"}) {
    std::vector<const char*> arguments = {"logs", "j1", flag};
    if (std::string(flag) == "-o") arguments.push_back("text");
    const CliResult result = RunCli(arguments, ServiceOf(ClientWithLogs()));
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, HasSubstr("  warning: slow disk\n"));
    EXPECT_THAT(result.out, ::testing::Not(HasSubstr("step 2/9")));
  }
}

}  // namespace
}  // namespace halfpipe
