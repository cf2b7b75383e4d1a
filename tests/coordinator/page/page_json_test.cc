#include "coordinator/page/page_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using nlohmann::json;

Job JobOf(const std::string& id, JobState state, int64_t position = 0) {
  Job job;
  job.id = id;
  job.state = state;
  job.queue_position = position;
  return job;
}

TEST(PageJsonTest, JobsAreInTheOrderInWhichTheyRun) {
  ServerInfo info;
  info.version = "1";
  const json overview = json::parse(OverviewJson(
      info,
      {JobOf("third", JobState::kQueued, 2), JobOf("paused", JobState::kPaused),
       JobOf("second", JobState::kQueued, 1),
       JobOf("first", JobState::kRunning)},
      {JobOf("old", JobState::kDone)}, absl::FromUnixSeconds(7)));
  std::vector<std::string> ids;
  for (const auto& job : overview["jobs"]) ids.push_back(job["id"]);
  EXPECT_EQ(ids, (std::vector<std::string>{"first", "second", "third", "paused",
                                           "old"}));
  EXPECT_EQ(overview["now"], 7.0);
  EXPECT_EQ(overview["version"], "1");
}

TEST(PageJsonTest, StagesHaveTheirMemory) {
  StageState stage;
  stage.pair = "default";
  stage.rank = 1;
  stage.device_total_bytes = 8192;
  stage.device_bytes_in_use = 4096;
  ServerInfo info;
  info.stages = {stage};
  const json overview = json::parse(OverviewJson(info, {}, {}, absl::Now()));
  EXPECT_EQ(overview["stages"][0]["rank"], 1);
  EXPECT_EQ(overview["stages"][0]["in_use_bytes"], 4096);
}

TEST(PageJsonTest, AJobHasItsCurveAndItsTimeline) {
  Job job = JobOf("a", JobState::kRunning);
  job.last_step = StepProgress();
  job.last_step->eta_seconds = 90;
  job.last_step->loss = std::numeric_limits<double>::quiet_NaN();
  job.last_step->stages.resize(2);
  StepTrace trace;
  trace.steps_done = 41;
  trace.stages.resize(2);
  trace.stages[0].actions = {{pipeline::ParseAction("0F0").value(), 0, 2},
                             {pipeline::ParseAction("0SF0").value(), 2, 3}};
  trace.stages[1].actions = {{pipeline::ParseAction("1RF0").value(), 100, 101},
                             {pipeline::ParseAction("1F0").value(), 101, 104}};
  const json page =
      json::parse(JobPageJson(job, {{1, 0.5, 0.25}}, {trace}, absl::Now()));
  EXPECT_EQ(page["curve"], json::parse("[[1, 0.5, 0.25]]"));
  EXPECT_EQ(page["eta_seconds"], 90.0);
  EXPECT_TRUE(page["loss"].is_null());  // no number
  EXPECT_EQ(page["stages"].size(), 2u);
  const json& timeline = page["timeline"];
  EXPECT_EQ(timeline["steps_done"], 41);
  // On one clock: the transfer ends at 3 on both.
  EXPECT_EQ(timeline["stages"][1]["actions"][1],
            json::parse(R"(["1F0", "forward", 3.0, 6.0])"));
  EXPECT_EQ(timeline["seconds"], 6.0);
  EXPECT_EQ(timeline["stages"][0]["actions"][1][1], "transfer");
  EXPECT_TRUE(page["validation"].is_null());
}

TEST(PageJsonTest, AStageHasItsMemoryByKindAndItsPlan) {
  Job job = JobOf("a", JobState::kRunning);
  job.last_step = StepProgress();
  job.last_step->stages.resize(2);
  job.last_step->stages[0].device_memory = {.weights_bytes = 10,
                                            .lora_bytes = 1,
                                            .optimizer_bytes = 2,
                                            .activations_bytes = 5,
                                            .workspace_bytes = 3,
                                            .free_bytes = 4};
  job.last_step->stages[1].rank = 1;
  job.forecasts = {{.peak_bytes = 20,
                    .budget_bytes = 22,
                    .pinned_bytes = 6,
                    .memory = {.weights_bytes = 11, .free_bytes = 2}}};
  const json page = json::parse(JobPageJson(job, {}, {}, absl::Now()));
  const json& first = page["stages"][0];
  EXPECT_EQ(first["memory"], json::parse(R"({"weights_bytes": 10,
      "lora_bytes": 1, "optimizer_bytes": 2, "activations_bytes": 5,
      "workspace_bytes": 3, "free_bytes": 4})"));
  EXPECT_EQ(first["plan"]["peak_bytes"], 20);
  EXPECT_EQ(first["plan"]["budget_bytes"], 22);
  EXPECT_EQ(first["plan"]["pinned_bytes"], 6);
  EXPECT_EQ(first["plan"]["memory"]["weights_bytes"], 11);
  // Neither is known of the other one.
  EXPECT_TRUE(page["stages"][1]["memory"].is_null());
  EXPECT_TRUE(page["stages"][1]["plan"].is_null());
}

TEST(PageJsonTest, WhatUsersWriteStaysText) {
  Job job = JobOf("a", JobState::kFailed);
  job.name = "</script><img src=x onerror=alert(1)>\"\\\xff";
  job.labels = {{"<b>", "\"}]"}};
  job.error = absl::InvalidArgumentError("line\nbreak");
  const json page = json::parse(JobPageJson(job, {}, {}, absl::Now()));
  EXPECT_EQ(page["name"], "</script><img src=x onerror=alert(1)>\"\\\ufffd");
  EXPECT_EQ(page["labels"]["<b>"], "\"}]");
  EXPECT_EQ(page["error"], "line\nbreak");
  EXPECT_TRUE(page["timeline"].is_null());
  EXPECT_EQ(json::parse(ErrorJson("\"</x>"))["error"], "\"</x>");
}

}  // namespace
}  // namespace halfpipe
