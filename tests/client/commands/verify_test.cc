#include <string>
#include <vector>

#include "client/client_test_support.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

CliResult Verify(const TestDirectory& directory,
                 std::vector<const char*> options) {
  std::vector<const char*> arguments = {"verify", "--model", "m", "--golden",
                                        "g"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  CommandEnvironment environment;
  environment.program_dir = directory.Path("");
  return RunCli(arguments, environment);
}

TEST(VerifyCommandTest, PassesOnWhatWasGivenAndNothingElse) {
  const TestDirectory directory;
  directory.WriteProgram("halfpipe-stage0",
                         "[ \"$*\" = \"$(cat $(dirname $0)/want)\" ]");
  (void)directory.Write("want", "verify --model m --golden g");
  EXPECT_EQ(Verify(directory, {}).code, 0);
  EXPECT_EQ(Verify(directory, {"--dtype", "fp32"}).code, 1);
  (void)directory.Write(
      "want",
      "verify --model m --golden g --stages 1 --dtype bf16 "
      "--device cpu --micro-batches 2 --schedule gpipe --memory "
      "keep --weights fp8 --tolerance 1e-3 --write out");
  EXPECT_EQ(
      Verify(directory,
             {"--write", "out", "--tolerance", "1e-3", "--weights", "fp8",
              "--memory", "keep", "--schedule", "gpipe", "--micro-batches", "2",
              "--device", "cpu", "--dtype", "bf16", "--stages", "1"})
          .code,
      0);
}

TEST(VerifyCommandTest, TheStagesExitCodeIsTheCommands) {
  const TestDirectory directory;
  directory.WriteProgram("halfpipe-stage0", "exit 3");
  directory.WriteProgram("halfpipe-stage1", "exit 0");
  EXPECT_EQ(Verify(directory, {"--stages", "2"}).code, 3);
}

}  // namespace
}  // namespace halfpipe
