#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SubmitCommandTest, PrintsTheIdAndFollows) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kFailed;
  client.job.error = absl::NotFoundError("clip.mp4: no such file");
  client.events = {StepEvent(1, 2, 0)};
  const CliResult result = RunCli({"submit", path.c_str(), "--id", "j1",
                                   "--label", "a=b", "--label", "c=d=e"},
                                  ServiceOf(client));
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out.substr(0, 3), "j1\n");
  EXPECT_THAT(result.out, HasSubstr("step 1/2"));
  EXPECT_EQ(result.err, "halfpipe: job j1 failed: clip.mp4: no such file\n");
  EXPECT_THAT(*client.calls, ElementsAre("create j1 a=b c=d=e", "get j1"));
}

TEST(SubmitCommandTest, SaysHowTheServiceIsToRunTheJob) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  const FakeTrainingClient client;
  const CliResult result = RunCli(
      {"submit", path.c_str(), "--no-wait", "--priority", "-3", "--retry", "2",
       "--retry-backoff", "2min", "--pair", "left", "--kind", "prepare"},
      ServiceOf(client));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(client.spec->priority, -3);
  EXPECT_EQ(client.spec->retry_limit, 2);
  EXPECT_EQ(client.spec->retry_backoff, absl::Minutes(2));
  EXPECT_EQ(client.spec->pair, "left");
  EXPECT_EQ(client.spec->kind, JobKind::kPrepare);
  EXPECT_FALSE(client.spec->validate_only);
  EXPECT_EQ(RunCli({"submit", path.c_str(), "--retry-backoff", "2"},
                   ServiceOf(client))
                .code,
            2);
}

TEST(SubmitCommandTest, PathsThatLeadNowhereAreNotEvenSent) {
  const TestDirectory directory;
  std::string yaml = ValidJobYaml(directory.Path("out"));
  yaml += "lora: {init_from: /no/such/lora.safetensors}\n";
  const std::string path = directory.Write("job.yaml", yaml);
  const FakeTrainingClient client;
  const auto submit = [&](std::vector<const char*> more) {
    more.insert(more.begin(), {"submit", path.c_str(), "--no-wait"});
    return RunCli(more, ServiceOf(client));
  };
  const CliResult here = submit({});
  EXPECT_EQ(here.code, 3);
  EXPECT_THAT(here.err, HasSubstr("lora.init_from: /no/such/lora.safetensors"));
  EXPECT_TRUE(client.calls->empty());
  // A container, or another machine, may have it.
  EXPECT_EQ(submit({"--other-files"}).code, 0);
  EXPECT_EQ(submit({"--address", "elsewhere:50700"}).code, 0);
  EXPECT_EQ(client.calls->size(), 2u);
}

TEST(SubmitCommandTest, AQuickCheckIsOne) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  const FakeTrainingClient client;
  const auto submit = [&](const char* kind) {
    return RunCli(
        {"submit", path.c_str(), "--no-wait", "--kind", kind, "--quick"},
        ServiceOf(client));
  };
  EXPECT_EQ(submit("check").code, 0);
  EXPECT_EQ(client.spec->kind, JobKind::kCheck);
  EXPECT_TRUE(client.spec->quick);
  const CliResult training = submit("train");
  EXPECT_EQ(training.code, 2);
  EXPECT_THAT(training.err, HasSubstr("--kind check"));
}

TEST(SubmitCommandTest, ValidateOnlyQueuesAndFollowsNothing) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  FakeTrainingClient client;
  client.hang = true;
  CliResult result =
      RunCli({"submit", path.c_str(), "--validate-only"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_TRUE(client.spec->validate_only);
  EXPECT_THAT(result.out, HasSubstr("nothing was queued"));
  client.status = absl::InvalidArgumentError("job.yaml:3: train.steps: ...");
  result =
      RunCli({"submit", path.c_str(), "--validate-only"}, ServiceOf(client));
  EXPECT_EQ(result.code, 3);
}

TEST(SubmitCommandTest, NoWaitReturnsAtOnce) {
  const TestDirectory directory;
  const std::string path =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  FakeTrainingClient client;
  client.job.id = "made-up";
  client.hang = true;
  const CliResult result =
      RunCli({"submit", path.c_str(), "--no-wait"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "made-up\n");
}

}  // namespace
}  // namespace halfpipe
