#include <nlohmann/json.hpp>
#include <string>

#include "client/client_test_support.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FakeTrainingClient ClientWithAStep() {
  FakeTrainingClient client;
  StepTrace trace;
  trace.steps_done = 41;
  trace.stages.resize(1);
  trace.stages[0].actions = {{pipeline::ParseAction("0F0").value(), 0.5, 1.0}};
  client.traces = {trace};
  return client;
}

TEST(TraceCommandTest, WritesAFileThatPerfettoOpens) {
  const FakeTrainingClient client = ClientWithAStep();
  const std::string file = ::testing::TempDir() + "/trace.json";
  const CliResult result = RunCli(
      {"trace", "j1", "-o", file.c_str(), "--steps", "3"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("ui.perfetto.dev"));
  EXPECT_THAT(*client.calls, ElementsAre("trace j1 3"));
  const auto json = nlohmann::json::parse(ReadFile(file).value());
  bool found = false;
  for (const auto& event : json["traceEvents"]) {
    found = found || event["name"] == "0F0";
  }
  EXPECT_TRUE(found);
}

TEST(TraceCommandTest, WithoutAFileItIsOnStandardOutput) {
  const CliResult result =
      RunCli({"trace", "j1"}, ServiceOf(ClientWithAStep()));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(nlohmann::json::parse(result.out).contains("traceEvents"));
}

TEST(TraceCommandTest, AJobWithoutStepsIsAnError) {
  FakeTrainingClient client;
  client.status = absl::FailedPreconditionError("there is no step of job j1");
  const CliResult result = RunCli({"trace", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("there is no step of job j1"));
}

}  // namespace
}  // namespace halfpipe
