#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(ShowCommandTest, PrintsWhatThereIs) {
  FakeTrainingClient client;
  client.job.id = "j1";
  client.job.state = JobState::kFailed;
  client.job.error = absl::InternalError("device fault");
  client.job.checkpoints = {{.steps_done = 5,
                             .directory = "/out/step-5",
                             .time = absl::UnixEpoch(),
                             .bytes = 2048}};
  client.job.config_yaml = "name: x\n";
  const CliResult result = RunCli({"show", "j1"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("error:       device fault"));
  EXPECT_THAT(result.out, HasSubstr("step 5  2.0 KiB  /out/step-5"));
  EXPECT_THAT(result.out, ::testing::Not(HasSubstr("name: x")));
  EXPECT_THAT(RunCli({"show", "j1", "--config"}, ServiceOf(client)).out,
              HasSubstr("name: x"));
}

TEST(ShowCommandTest, PrintsHowTheJobRuns) {
  FakeTrainingClient client;
  client.job.priority = 7;
  client.job.retry_limit = 3;
  client.job.retries = 1;
  client.job.pair = "left";
  client.job.last_step = StepProgress();
  client.job.last_step->steps_done = 10;
  client.job.last_step->next_checkpoint_step = 250;
  client.job.last_step->next_checkpoint_seconds = 90;
  const std::string out = RunCli({"show", "j1"}, ServiceOf(client)).out;
  EXPECT_THAT(out, HasSubstr("priority:    7\n"));
  EXPECT_THAT(out, HasSubstr("retries:     1/3\n"));
  EXPECT_THAT(out, HasSubstr("pair:        left\n"));
  EXPECT_THAT(out, HasSubstr("next save:   after step 250, in 1m30s\n"));
}

TEST(ShowCommandTest, PrintsWhatAGpusMemoryIsUsedForBesideThePlan) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  FakeTrainingClient client;
  client.job.last_step = StepProgress();
  client.job.last_step->stages.resize(2);
  client.job.last_step->stages[1].rank = 1;
  client.job.last_step->stages[1].device_memory = {.weights_bytes = 13 * kGiB,
                                                   .free_bytes = 11 * kGiB};
  client.job.forecasts.resize(2);
  client.job.forecasts[1] = {
      .budget_bytes = 23 * kGiB,
      .memory = {.weights_bytes = 14 * kGiB, .free_bytes = 9 * kGiB}};
  const std::string out = RunCli({"show", "j1"}, ServiceOf(client)).out;
  EXPECT_THAT(out, HasSubstr("memory:      stage 1: weights 13.0 GiB, "
                             "free 11.0 GiB\n"));
  EXPECT_THAT(out, HasSubstr("planned:     stage 1: weights 14.0 GiB, "
                             "free 9.0 GiB; the budget is 23.0 GiB\n"));
  // A stage on the CPU has none.
  EXPECT_THAT(out, ::testing::Not(HasSubstr("stage 0: ")));
}

TEST(ShowCommandTest, AJobThatWasCancelledHasNoTimeLeft) {
  FakeTrainingClient client;
  client.job.state = JobState::kRunning;
  client.job.last_step = StepProgress();
  client.job.last_step->steps_done = 10;
  client.job.last_step->eta_seconds = 3725;
  client.job.last_step->next_checkpoint_step = 250;
  EXPECT_THAT(RunCli({"show", "j1"}, ServiceOf(client)).out,
              HasSubstr("ETA 1h02m"));
  client.job.state = JobState::kCancelled;
  const std::string out = RunCli({"show", "j1"}, ServiceOf(client)).out;
  EXPECT_THAT(out, HasSubstr("step 10/"));
  EXPECT_THAT(out, ::testing::Not(HasSubstr("ETA")));
  EXPECT_THAT(out, ::testing::Not(HasSubstr("next save")));
}

TEST(ShowCommandTest, UnknownJobIsAnError) {
  FakeTrainingClient client;
  client.status = absl::NotFoundError("no job j2");
  EXPECT_EQ(RunCli({"show", "j2"}, ServiceOf(client)).code, 3);
}

TEST(ShowCommandTest, AModelIsShownWithoutAService) {
  const CliResult known = RunCli({"show", "model", "t2v-1.3b"});
  EXPECT_EQ(known.code, 0) << known.err;
  EXPECT_THAT(known.out, HasSubstr("variant:     T2V\n"));
  EXPECT_THAT(known.out, HasSubstr("512 tokens of 4096"));
  const CliResult json = RunCli({"show", "model", "ti2v-5b", "-o", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"spatial_stride\": 16"));
  const CliResult none = RunCli({"show", "model", "/no/such/folder"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("/no/such/folder: there is no such file or "
                                  "folder, and '/no/such/folder' is no known"));
}

TEST(ShowCommandTest, OnlyAModelHasAPath) {
  const CliResult bare = RunCli({"show", "model"});
  EXPECT_EQ(bare.code, 2);
  EXPECT_THAT(bare.err, HasSubstr("path is required"));
  const CliResult more = RunCli({"show", "j1", "j2"});
  EXPECT_EQ(more.code, 2);
  EXPECT_THAT(more.err, HasSubstr("j2"));
}

}  // namespace
}  // namespace halfpipe
