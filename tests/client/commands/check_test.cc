#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(CheckCommandTest, TheJobFilesProblemsComeFirstAndAllAtOnce) {
  const TestDirectory directory;
  const std::string job =
      directory.Write("job.yaml", "nmae: x\ntrain: {steps: many}\n");
  const CliResult result = RunCli({"check", job.c_str()});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("nmae"));
  EXPECT_THAT(result.err, HasSubstr("train.steps"));
}

TEST(CheckCommandTest, KeepsTheLogsWhereItIsTold) {
  const TestDirectory directory;
  const std::string job =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  directory.WriteProgram("halfpipe-coordinator", "echo no disk; exit 3");
  directory.WriteProgram("halfpipe-stage0", "exec sleep 60");
  directory.WriteProgram("halfpipe-stage1", "exec sleep 60");
  CommandEnvironment environment;
  environment.program_dir = directory.Path("");
  const std::string logs = directory.Path("logs");
  const CliResult result =
      RunCli({"check", job.c_str(), "--log-dir", logs.c_str()}, environment);
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("no disk"));
  EXPECT_THAT(result.err, HasSubstr(logs));
}

}  // namespace
}  // namespace halfpipe
