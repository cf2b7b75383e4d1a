#include "coordinator/page/record_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using nlohmann::json;

JobEvent EventOf(std::variant<StateChange, StepProgress, EncodingProgress,
                              LogLine, Checkpoint, ValidationResult>
                     what) {
  JobEvent event;
  event.time = absl::FromUnixSeconds(7);
  event.what = std::move(what);
  return event;
}

TEST(RecordJsonTest, StepsAreRowsOfSixDigits) {
  JobRecord record;
  StepProgress step;
  step.steps_done = 1;
  step.loss = 1.0 / 3;
  step.smoothed_loss = 0.5;
  step.grad_norm = std::numeric_limits<double>::infinity();
  step.learning_rate = 1e-4;
  record.Add(EventOf(step));
  const json steps = json::parse(StepsJson(record, 0, 10, 10));
  EXPECT_EQ(steps["fields"].size(), 8U);
  EXPECT_EQ(steps["points"],
            json::parse("[[1, 1, 0.333333, 0.333333, 0.333333, 0.5, null, "
                        "0.0001]]"));
  EXPECT_TRUE(json::parse(StepsJson(record, 2, 10, 10))["points"].empty());
}

TEST(RecordJsonTest, ValidationsHaveTheirBands) {
  JobRecord record;
  ValidationResult result;
  result.steps_done = 20;
  result.loss = 0.25;
  result.best_steps = 20;
  result.bands = {{900, 0.5}, {100, 0.125}};
  record.Add(EventOf(result));
  EXPECT_EQ(json::parse(StepsJson(record, 0, 1, 1))["validations"],
            json::parse(R"([{"steps_done": 20, "loss": 0.25, "is_best": true,
                             "bands": [[900.0, 0.5], [100.0, 0.125]]}])"));
}

TEST(RecordJsonTest, LogLinesStayText) {
  JobRecord record;
  record.Add(EventOf(LogLine{LogSeverity::kError, "</script>\xff\n", 0}));
  record.Add(EventOf(LogLine{LogSeverity::kInfo, "all is well", {}}));
  const json lines = json::parse(LogJson(record))["lines"];
  EXPECT_EQ(lines[0], json::parse(R"({"time": 7.0, "severity": "error",
                        "stage": 0, "text": "</script>\ufffd\n"})"));
  EXPECT_TRUE(lines[1]["stage"].is_null());
  EXPECT_EQ(json::parse(SettingsJson("a: \"b\"\n"))["yaml"], "a: \"b\"\n");
}

TEST(RecordJsonTest, FilesAreNamedByTheirFolder) {
  const json folders =
      json::parse(FilesJson({{.path = "/out",
                              .steps_done = 4,
                              .files = {{"lora.x", 5, 123}}}}))["folders"];
  EXPECT_EQ(folders, json::parse(R"([{"path": "/out", "steps_done": 4,
      "files": [{"name": "lora.x", "bytes": 5, "changed": "123"}]}])"));
}

}  // namespace
}  // namespace halfpipe
