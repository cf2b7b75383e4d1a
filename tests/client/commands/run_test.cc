#include <string>

#include "client/client_test_support.h"
#include "client/commands/local_job_checks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(RunCommandTest, BadJobFileNamesLineAndNearestKey) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")) +
                                      "pipeline: {schedul: 1f1b}\n");
  for (const char* command : {"run", "submit"}) {
    const CliResult result = RunCli({command, path.c_str()});
    EXPECT_EQ(result.code, 3) << command;
    EXPECT_THAT(result.err, HasSubstr(path + ":6"));
    EXPECT_THAT(result.err, HasSubstr("schedule"));
    EXPECT_EQ(result.out, "");
  }
}

TEST(RunCommandTest, EveryProblemOfAJobFileIsListed) {
  const TestDirectory directory;
  const std::string path = directory.Write(
      "job.yaml", "name: x\ntrain: {steps: many}\nlora: {rank: -1}\n");
  const CliResult result = RunCli({"run", path.c_str()});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("train.steps"));
  EXPECT_THAT(result.err, HasSubstr("lora.rank"));
  EXPECT_THAT(result.err, HasSubstr("output.dir"));
}

TEST(RunCommandTest, MissingJobFileIsInvalidInput) {
  const CliResult result = RunCli({"run", "/nowhere/job.yaml"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("/nowhere/job.yaml"));
}

TEST(RunCommandTest, UnwritableOutputIsInvalidInput) {
  const TestDirectory directory;
  const std::string file = directory.Write("file", "in the way");
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(file + "/out"));
  const CliResult result = RunCli({"run", path.c_str()});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("output.dir"));
}

TEST(RunCommandTest, MissingProgramsAreOneError) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  CommandEnvironment environment;
  environment.program_dir = directory.Path("");
  const CliResult result = RunCli({"run", path.c_str()}, environment);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot start"));
  EXPECT_THAT(result.err, HasSubstr("halfpipe-coordinator"));
}

TEST(RunCommandTest, AFailedStartLeavesTheFolderUnlocked) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  const CommandEnvironment environment = ServiceThatCannotStart(directory);
  for (int i = 0; i < 2; ++i) {
    const CliResult result = RunCli({"run", path.c_str()}, environment);
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("    no disk"));
  }
}

}  // namespace
}  // namespace halfpipe
