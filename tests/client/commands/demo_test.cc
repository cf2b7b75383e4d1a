#include <filesystem>
#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(DemoCommandTest, WritesItsFilesAndSaysHowTheyAreTrained) {
  const TestDirectory directory;
  const std::string folder = directory.Path("demo");
  const CliResult result = RunCli({"demo", folder.c_str(), "--only-files"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("halfpipe run " + folder + "/job.yaml\n"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/clips/metadata.csv"));
}

TEST(DemoCommandTest, TheJobIsOneThatPlanUnderstands) {
  const TestDirectory directory;
  const std::string folder = directory.Path("demo");
  ASSERT_EQ(RunCli({"demo", folder.c_str(), "--only-files"}).code, 0);
  const std::string job = folder + "/job.yaml";
  const CliResult result = RunCli({"plan", job.c_str()});
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(DemoCommandTest, AnotherFolderIsRefused) {
  const TestDirectory directory;
  const std::string file = directory.Write("mine.txt", "mine");
  const std::string folder = std::filesystem::path(file).parent_path();
  const CliResult result = RunCli({"demo", folder.c_str(), "--only-files"});
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("no demo's folder"));
}

// The whole of it: tests/e2e/demo_test.sh and wheel_test.sh.
TEST(DemoCommandTest, WithoutTheOtherProgramsTheRunFails) {
  const TestDirectory directory;
  const std::string folder = directory.Path("demo");
  CommandEnvironment environment;
  environment.program_dir = directory.Path("nothing");
  const CliResult result = RunCli({"demo", folder.c_str()}, environment);
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("halfpipe-coordinator"));
}

}  // namespace
}  // namespace halfpipe
