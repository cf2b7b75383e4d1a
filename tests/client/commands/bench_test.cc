#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(BenchCommandTest, MissingProgramsAreOneErrorAndNoReport) {
  const TestDirectory directory;
  CommandEnvironment environment;
  environment.program_dir = directory.Path("");
  const CliResult result =
      RunCli({"bench", "--variant", "tiny-t2v", "-o", "json"}, environment);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot start"));
  EXPECT_EQ(result.out, "");
}

TEST(BenchCommandTest, ACoordinatorThatGivesUpEndsIt) {
  const TestDirectory directory;
  directory.WriteProgram("halfpipe-coordinator", "echo no disk; exit 3");
  directory.WriteProgram("halfpipe-stage0", "exec sleep 60");
  CommandEnvironment environment;
  environment.program_dir = directory.Path("");
  const CliResult result =
      RunCli({"bench", "--variant", "tiny-t2v", "--stages", "1"}, environment);
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("    no disk"));
}

}  // namespace
}  // namespace halfpipe
