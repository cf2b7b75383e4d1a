#include "client/commands/cli.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

struct UsageCase {
  std::string name;
  std::vector<const char*> arguments;
  std::string message;  // must be on standard error
};

void PrintTo(const UsageCase& usage, std::ostream* out) { *out << usage.name; }

class UsageErrorTest : public ::testing::TestWithParam<UsageCase> {};

TEST_P(UsageErrorTest, ExitsWith2) {
  const CliResult result = RunCli(GetParam().arguments);
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  EXPECT_EQ(result.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, UsageErrorTest,
    ::testing::Values(
        UsageCase{"NoCommand", {}, "halfpipe run JOB.yaml"},
        UsageCase{
            "UnknownCommand", {"frobnicate"}, "'frobnicate' (demo, run, "},
        UsageCase{"MisspeltCommand", {"wacth"}, "did you mean 'watch'?"},
        UsageCase{"UnknownFlag", {"list", "--frobnicate"}, "--frobnicate"},
        UsageCase{"RunWithoutJob", {"run"}, "job is required"},
        UsageCase{"ShowWithoutId", {"show"}, "id is required"},
        UsageCase{"BadFormat", {"list", "-o", "xml"}, "xml"},
        UsageCase{"BadLabel", {"list", "--label", "a"}, "key=value"},
        UsageCase{"BadState", {"list", "--state", "asleep"}, "asleep"},
        UsageCase{"BadLimit", {"list", "--limit", "0"}, "--limit"},
        UsageCase{"LimitInWords",
                  {"list", "--limit", "0"},
                  "--limit: expected a positive number, found '0'"},
        UsageCase{"WatchAfter",
                  {"watch", "j", "--after", "-1"},
                  "--after: expected 0 or a positive number, found '-1'"},
        UsageCase{"VerifyWithoutGolden",
                  {"verify", "--model", "m"},
                  "--golden is required"},
        UsageCase{"VerifyStages",
                  {"verify", "--model", "m", "--golden", "g", "--stages", "3"},
                  "--stages"},
        UsageCase{"VerifyDtype",
                  {"verify", "--model", "m", "--golden", "g", "--dtype", "f"},
                  "--dtype"},
        UsageCase{"BenchWithoutVariant", {"bench"}, "--variant is required"},
        UsageCase{"BenchSteps",
                  {"bench", "--variant", "x", "--steps", "0"},
                  "--steps"},
        UsageCase{"BenchFrames",
                  {"bench", "--variant", "x", "--frames", "8"},
                  "data.frames"},
        UsageCase{"BenchMemory",
                  {"bench", "--variant", "x", "--gpu-memory", "lots"},
                  "pipeline.gpu_memory"}),
    [](const auto& test) { return test.param.name; });

TEST(CliTest, ATimeMustBePositiveEverywhere) {
  const std::vector<std::vector<const char*>> commands = {
      {"submit", "j"}, {"list"},          {"show", "j"},
      {"watch", "j"},  {"logs", "j"},     {"cancel", "j"},
      {"resume", "j"}, {"run", "j.yaml"}, {"bench", "--variant", "t2v-a14b"}};
  for (const std::vector<const char*>& command : commands) {
    const std::string name = command[0];
    const std::string flag =
        name == "run" || name == "bench" ? "--join-timeout" : "--timeout";
    for (const std::string value : {"-1", "0", "nan", "inf", "soon"}) {
      std::vector<const char*> arguments = command;
      arguments.push_back(flag.c_str());
      arguments.push_back(value.c_str());
      const CliResult result = RunCli(arguments);
      EXPECT_EQ(result.code, 2) << name << " " << value;
      EXPECT_THAT(result.err,
                  HasSubstr(flag +
                            ": expected a positive number of seconds, "
                            "found '" +
                            value + "'"))
          << name;
    }
  }
}

TEST(CliTest, HelpAndVersionSucceed) {
  const CliResult help = RunCli({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* command : {"run", "submit", "list", "show", "watch", "logs",
                              "cancel", "resume", "verify", "bench"}) {
    EXPECT_THAT(help.out, HasSubstr(command));
    EXPECT_EQ(RunCli({command, "--help"}).code, 0) << command;
  }
  for (const char* heading : {"Train:", "Look:", "Service:", "Tools:"}) {
    EXPECT_THAT(help.out, HasSubstr(heading));
  }
  EXPECT_THAT(help.out, ::testing::Not(HasSubstr("Subcommands:")));
  EXPECT_THAT(RunCli({"--version"}).out, HasSubstr("halfpipe "));
}

TEST(CliTest, UnreachableServiceIsOneErrorAndExitCode4) {
  const TestDirectory directory;
  const std::string address = "unix:" + directory.Path("nobody.sock");
  const CliResult result =
      RunCli({"list", "--address", address.c_str(), "--timeout", "0.2"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("halfpipe: "));
  EXPECT_THAT(result.err, HasSubstr("nobody.sock"));
}

// Where nobody listens there is nothing to wait for.
TEST(CliTest, ARefusedConnectionFailsAtOnce) {
  const absl::Time start = absl::Now();
  const CliResult result =
      RunCli({"list", "--address", "127.0.0.1:1", "--timeout", "60"});
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1 does not answer"));
  EXPECT_THAT(result.err, HasSubstr("HALFPIPE_ADDRESS"));
}

// A watch outlasts a restart of the service, but the first answer must come
// within --timeout.
TEST(CliTest, WatchingNobodyEndsInTime) {
  const TestDirectory directory;
  const std::string address = "unix:" + directory.Path("nobody.sock");
  const std::vector<std::vector<const char*>> commands = {
      {"watch", "j"}, {"logs", "j"}, {"logs", "j", "-f"}};
  for (std::vector<const char*> arguments : commands) {
    for (const char* more :
         {"--address", address.c_str(), "--timeout", "0.2"}) {
      arguments.push_back(more);
    }
    const absl::Time start = absl::Now();
    const CliResult result = RunCli(arguments);
    EXPECT_LT(absl::Now() - start, absl::Seconds(5));
    EXPECT_EQ(result.code, 4);
    EXPECT_THAT(result.err, HasSubstr("nobody.sock"));
  }
}

// Arguments are told to a service, as text; what only reads and writes files
// takes any name.
TEST(CliArgumentsTest, BytesThatAreNoTextAreRefusedAtTheDoor) {
  for (const std::vector<const char*>& arguments :
       {std::vector<const char*>{"run", "caf\xe9.yaml"},
        {"run", "a.yaml", "--workdir", "caf\xe9"},
        {"submit", "caf\xe9.yaml"},
        {"check", "caf\xe9.yaml"},
        {"plan", "caf\xe9.yaml"},
        {"show", "caf\xe9"},
        {"caf\xe9"}}) {
    SCOPED_TRACE(arguments.front());
    const CliResult result = RunCli(arguments);
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("caf\\xE9"));
    EXPECT_THAT(result.err, HasSubstr("is not UTF-8 text"));
  }
  const CliResult convert = RunCli({"convert", "caf\xe9.st", "out.st"});
  EXPECT_THAT(convert.err, ::testing::Not(HasSubstr("is not UTF-8 text")));
}

}  // namespace
}  // namespace halfpipe
