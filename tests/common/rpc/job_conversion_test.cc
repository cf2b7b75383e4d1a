#include "common/rpc/job_conversion.h"

#include "common/pipeline/action.h"
#include "coordinator/store/job_storage_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Job FullJob() {
  Job job;
  job.id = "a";
  job.name = "n";
  job.kind = JobKind::kPrepare;
  job.labels = {{"k", "v"}};
  job.state = JobState::kFailed;
  job.reason = "r";
  job.error = absl::DataLossError("broken");
  job.config_yaml = "y";
  job.config_digest = "d";
  job.created = absl::FromUnixMillis(1000);
  job.started = absl::FromUnixMillis(2000);
  job.steps_done = 3;
  job.steps_total = 9;
  job.epoch = 4;
  job.restarts = 2;
  job.last_cursor = 17;
  job.last_step = StepProgress();
  job.last_step->steps_done = 3;
  job.last_step->loss = 0.5;
  job.last_step->stages.resize(1);
  job.last_step->stages[0].idle_ratio = 0.25;
  job.last_step->stages[0].actions = {
      {pipeline::ParseAction("1F3").value(), 0.5, 0.75}};
  job.last_step->stages[0].device_memory = {.weights_bytes = 1,
                                            .lora_bytes = 2,
                                            .optimizer_bytes = 3,
                                            .activations_bytes = 4,
                                            .workspace_bytes = 5,
                                            .free_bytes = 6};
  job.forecasts = {{.peak_bytes = 7,
                    .budget_bytes = 8,
                    .pinned_bytes = 9,
                    .memory = {.weights_bytes = 10, .free_bytes = 11}}};
  job.checkpoints = {{2, "/c", absl::FromUnixMillis(1500), 77}};
  job.last_step->next_checkpoint_step = 8;
  job.last_step->next_checkpoint_seconds = 12.5;
  job.exports = {"/lora"};
  job.priority = -7;
  job.retry_limit = 3;
  job.retries = 2;
  job.retry_at = absl::FromUnixMillis(9000);
  job.requested_pair = "left";
  job.pair = "right";
  return job;
}

TEST(JobConversionTest, AJobSurvivesTheWireAndTheDisk) {
  const auto back = DecodeJob(EncodeJob(FullJob()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->kind, JobKind::kPrepare);
  EXPECT_EQ(back->labels.at("k"), "v");
  EXPECT_EQ(back->state, JobState::kFailed);
  EXPECT_EQ(back->error, absl::DataLossError("broken"));
  EXPECT_EQ(back->created, absl::FromUnixMillis(1000));
  EXPECT_EQ(back->started, absl::FromUnixMillis(2000));
  EXPECT_EQ(back->ended, std::nullopt);
  ASSERT_TRUE(back->last_step.has_value());
  EXPECT_EQ(back->last_step->loss, 0.5);
  ASSERT_THAT(back->last_step->stages, SizeIs(1));
  EXPECT_EQ(back->last_step->stages[0].idle_ratio, 0.25);
  ASSERT_THAT(back->last_step->stages[0].actions, SizeIs(1));
  const pipeline::TimedAction& timed = back->last_step->stages[0].actions[0];
  EXPECT_EQ(pipeline::ToString(timed.action), "1F3");
  EXPECT_EQ(timed.start_seconds, 0.5);
  EXPECT_EQ(timed.end_seconds, 0.75);
  EXPECT_EQ(back->last_step->stages[0].device_memory,
            FullJob().last_step->stages[0].device_memory);
  EXPECT_EQ(back->forecasts, FullJob().forecasts);
  ASSERT_THAT(back->checkpoints, SizeIs(1));
  EXPECT_EQ(back->checkpoints[0].directory, "/c");
  EXPECT_THAT(back->exports, ElementsAre("/lora"));
  EXPECT_EQ(back->last_step->next_checkpoint_step, 8);
  EXPECT_EQ(back->last_step->next_checkpoint_seconds, 12.5);
  EXPECT_EQ(back->priority, -7);
  EXPECT_EQ(back->retry_limit, 3);
  EXPECT_EQ(back->retries, 2);
  EXPECT_EQ(back->retry_at, absl::FromUnixMillis(9000));
  EXPECT_EQ(back->requested_pair, "left");
  EXPECT_EQ(back->pair, "right");
}

TEST(JobConversionTest, EveryEventKeepsItsKind) {
  const decltype(JobEvent::what) bodies[] = {
      StateChange{JobState::kFailed, "r", absl::InternalError("x")},
      StepProgress{},
      EncodingProgress{1, 2, "a"},
      LogLine{LogSeverity::kWarning, "t"},
      Checkpoint{},
      ValidationResult{}};
  for (const auto& what : bodies) {
    JobEvent event;
    event.cursor = 5;
    event.time = absl::FromUnixMillis(3);
    event.what = what;
    const auto back = DecodeJobEvent(EncodeJobEvent(event));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->cursor, 5);
    EXPECT_EQ(back->what.index(), what.index());
  }
  EXPECT_FALSE(FromProto(v1::JobEvent()).ok());
}

TEST(JobConversionTest, ALineKeepsTheStageThatSaidIt) {
  JobEvent event;
  event.what = LogLine{LogSeverity::kInfo, "t", 0};
  auto back = DecodeJobEvent(EncodeJobEvent(event));
  EXPECT_EQ(std::get<LogLine>(back->what).stage, 0);
  event.what = LogLine{LogSeverity::kInfo, "t"};
  back = DecodeJobEvent(EncodeJobEvent(event));
  EXPECT_EQ(std::get<LogLine>(back->what).stage, std::nullopt);
}

// A request that an older version stored must be the same as the same request
// that is sent today, or its repetition would be refused.
TEST(JobConversionTest, WhatIsNotAskedForIsNotWritten) {
  JobSpec spec;
  spec.id = "a";
  v1::CreateJobRequest older;
  older.set_id("a");
  older.set_kind(v1::JOB_KIND_TRAIN);
  EXPECT_EQ(FromStoredBytes(EncodeJobSpec(spec)).value_or("none"),
            older.SerializeAsString());
}

TEST(JobConversionTest, HowAJobIsRunSurvives) {
  JobSpec spec;
  spec.priority = 12;
  spec.retry_limit = 4;
  spec.retry_backoff = absl::Seconds(90);
  spec.pair = "left";
  const auto back = DecodeJobSpec(EncodeJobSpec(spec));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->priority, 12);
  EXPECT_EQ(back->retry_limit, 4);
  EXPECT_EQ(back->retry_backoff, absl::Seconds(90));
  EXPECT_EQ(back->pair, "left");
}

TEST(JobConversionTest, SpecsAndTheirDefaults) {
  JobSpec spec;
  spec.id = "a";
  spec.labels = {{"x", "1"}, {"y", "2"}};
  auto back = DecodeJobSpec(EncodeJobSpec(spec));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->join_timeout, absl::InfiniteDuration());
  EXPECT_EQ(back->retry_backoff, kDefaultRetryBackoff);
  EXPECT_EQ(EncodeJobSpec(*back), EncodeJobSpec(spec));
  spec.join_timeout = absl::Seconds(60);
  back = DecodeJobSpec(EncodeJobSpec(spec));
  EXPECT_EQ(back->join_timeout, absl::Seconds(60));
}

TEST(JobConversionTest, UnknownEnumValuesAreRefused) {
  v1::Job message = ToProto(FullJob());
  message.set_state(static_cast<v1::JobState>(99));
  EXPECT_FALSE(FromProto(message).ok());
  message = ToProto(FullJob());
  message.set_kind(static_cast<v1::JobKind>(99));
  EXPECT_FALSE(FromProto(message).ok());
}

TEST(JobConversionTest, BytesThatAreNoJobAreDataLoss) {
  EXPECT_EQ(DecodeJob("\xff\xff\xff").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(JobConversionTest, ValidationsOfEventsAndJobs) {
  ValidationResult result;
  result.steps_done = 200;
  result.loss = 1.0 / 3.0;
  result.bands = {{978.0, 0.25}, {500.0, 0.5}};
  result.best_steps = 100;
  result.best_loss = 0.125;
  JobEvent event;
  event.what = result;
  const auto event_back = DecodeJobEvent(EncodeJobEvent(event));
  ASSERT_TRUE(event_back.ok()) << event_back.status();
  Job job;
  job.last_validation = result;
  const auto job_back = DecodeJob(EncodeJob(job));
  ASSERT_TRUE(job_back.ok()) << job_back.status();
  ASSERT_TRUE(job_back->last_validation.has_value());
  for (const ValidationResult& got :
       {std::get<ValidationResult>(event_back->what),
        *job_back->last_validation}) {
    EXPECT_EQ(got.steps_done, 200);
    EXPECT_EQ(got.loss, 1.0 / 3.0);
    ASSERT_EQ(got.bands.size(), 2u);
    EXPECT_EQ(got.bands[1].timestep, 500.0);
    EXPECT_EQ(got.bands[1].loss, 0.5);
    EXPECT_EQ(got.best_steps, 100);
    EXPECT_EQ(got.best_loss, 0.125);
    EXPECT_FALSE(got.is_best());
  }
  const auto none = DecodeJob(EncodeJob(Job{}));
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->last_validation.has_value());
}

}  // namespace
}  // namespace halfpipe
