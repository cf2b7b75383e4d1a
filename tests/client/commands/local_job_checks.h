// What every command that runs a job of its own service must do.
#ifndef HP_TESTS_CLIENT_COMMANDS_LOCAL_JOB_CHECKS_H_
#define HP_TESTS_CLIENT_COMMANDS_LOCAL_JOB_CHECKS_H_

#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {

// Programs in `directory` of which the coordinator says "no disk" and ends with
// code 3.
inline CommandEnvironment ServiceThatCannotStart(
    const TestDirectory& directory) {
  directory.WriteProgram("halfpipe-coordinator", "echo no disk; exit 3");
  directory.WriteProgram("halfpipe-stage0", "exec sleep 60");
  directory.WriteProgram("halfpipe-stage1", "exec sleep 60");
  CommandEnvironment environment;
  environment.program_dir = directory.Path("");
  return environment;
}

// The job file's problems come first and all at once.
inline void ExpectEveryProblemOfTheJobFile(const char* command) {
  const TestDirectory directory;
  const std::string job =
      directory.Write("job.yaml", "nmae: x\ntrain: {steps: many}\n");
  const CliResult result = RunCli({command, job.c_str()});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, ::testing::HasSubstr("nmae"));
  EXPECT_THAT(result.err, ::testing::HasSubstr("train.steps"));
}

// --log-dir: the processes' logs are named, and stay.
inline void ExpectLogsWhereItIsTold(const char* command) {
  const TestDirectory directory;
  const std::string job =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  const CommandEnvironment environment = ServiceThatCannotStart(directory);
  const std::string logs = directory.Path("logs");
  const CliResult result =
      RunCli({command, job.c_str(), "--log-dir", logs.c_str()}, environment);
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, ::testing::HasSubstr("no disk"));
  EXPECT_THAT(result.err, ::testing::HasSubstr(logs));
}

}  // namespace halfpipe

#endif  // HP_TESTS_CLIENT_COMMANDS_LOCAL_JOB_CHECKS_H_
