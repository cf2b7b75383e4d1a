#include "client/jobs/job_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "client/client_test_support.h"
#include "common/base/failure.h"
#include "coordinator/store/job_storage_format.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(JobJsonTest, UnsetThingsAreNull) {
  Job job;
  job.id = "j1";
  job.created = absl::FromUnixMillis(1500);
  const auto json = ToJson(job);
  EXPECT_EQ(json["created"], "1970-01-01T00:00:01.500Z");
  EXPECT_TRUE(json["started"].is_null());
  EXPECT_TRUE(json["error"].is_null());
  EXPECT_TRUE(json["last_step"].is_null());
  EXPECT_FALSE(json.contains("config_yaml"));
}

TEST(JobJsonTest, ErrorsHaveCodeAndMessage) {
  JobEvent event;
  event.what = StateChange{.state = JobState::kFailed,
                           .reason = "",
                           .error = absl::DataLossError("truncated")};
  const auto json = ToJson(event);
  EXPECT_EQ(json["type"], "state");
  EXPECT_EQ(json["state"], "failed");
  EXPECT_EQ(json["error"]["code"], "DATA_LOSS");
  EXPECT_EQ(json["error"]["message"], "truncated");
  // Of a record from before there were kinds.
  EXPECT_EQ(json["failure"]["kind"], "unknown");
  EXPECT_TRUE(json["failure"]["stage"].is_null());
}

TEST(JobJsonTest, EveryKindOfFailureIsShown) {
  for (int kind = 1; kind <= static_cast<int>(FailureKind::kInternal); ++kind) {
    Job failed;
    failed.state = JobState::kFailed;
    failed.error = Described(absl::UnavailableError("it went wrong"), 1);
    MarkFailure(static_cast<FailureKind>(kind), &failed.error);
    // As the service stores and sends it.
    const absl::StatusOr<Job> job = DecodeJob(EncodeJob(failed));
    ASSERT_TRUE(job.ok()) << job.status();
    const auto json = ToJson(*job);
    EXPECT_EQ(json["error"]["message"], "it went wrong");
    EXPECT_EQ(json["failure"]["kind"],
              std::string(FailureKindName(static_cast<FailureKind>(kind))));
    EXPECT_EQ(json["failure"]["stage"], 1);
    EXPECT_NE(json["failure"]["remedy"], "unknown");
  }
  EXPECT_TRUE(ToJson(Job())["failure"].is_null());
}

TEST(JobJsonTest, MemoryIsByKindAndBesideItsPlan) {
  Job job;
  job.last_step = StepProgress();
  job.last_step->stages.resize(2);
  job.last_step->stages[1].device_memory = {.lora_bytes = 5, .free_bytes = 6};
  job.forecasts.resize(2);
  job.forecasts[1] = {
      .peak_bytes = 7, .budget_bytes = 9, .memory = {.activations_bytes = 7}};
  const auto json = ToJson(job);
  const auto& stages = json["last_step"]["stages"];
  EXPECT_TRUE(stages[0]["device_memory"].is_null());  // not known
  EXPECT_EQ(stages[1]["device_memory"]["lora_bytes"], 5);
  EXPECT_EQ(stages[1]["device_memory"]["free_bytes"], 6);
  EXPECT_EQ(json["forecasts"][1]["budget_bytes"], 9);
  EXPECT_EQ(json["forecasts"][1]["memory"]["activations_bytes"], 7);
}

TEST(JobJsonTest, ALineNamesItsStage) {
  JobEvent event;
  event.what = LogLine{LogSeverity::kWarning, "hot", 1};
  EXPECT_EQ(ToJson(event)["stage"], 1);
  event.what = LogLine{LogSeverity::kWarning, "hot"};
  EXPECT_TRUE(ToJson(event)["stage"].is_null());
}

TEST(JobJsonTest, WhatJsonCannotHoldDoesNotThrow) {
  auto step = std::get<StepProgress>(StepEvent(1, 2, 0).what);
  step.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(JsonText(ToJson(step)).find("\"loss\":null"), std::string::npos);
  JobEvent event;
  event.what = LogLine{.severity = LogSeverity::kInfo, .text = "bad \xff byte"};
  EXPECT_NE(JsonText(ToJson(event)).find("bad \xef\xbf\xbd byte"),
            std::string::npos);
}

}  // namespace
}  // namespace halfpipe
