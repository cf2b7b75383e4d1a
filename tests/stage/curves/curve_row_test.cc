#include "stage/curves/curve_row.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

StepPlan Plan(int64_t step) {
  StepPlan plan;
  plan.step = Step(step);
  plan.learning_rate = 1e-4;
  return plan;
}

TEST(CurveRowTest, AStepIsALineWithEveryFigure) {
  StepPlan plan = Plan(11);
  plan.peak_bytes = {7, 2000};
  StepReport report;
  report.losses = {1.0, 2.0};
  report.grad_norm = 0.25;
  report.step_seconds = 3.5;
  report.device_peak_bytes = 1000;
  const CurveRow row = StepRow(plan, report, 1764630000.5);
  EXPECT_EQ(row.key, (CurveKey{12, false}));
  const std::string line = JsonLineOf(row);
  EXPECT_THAT(line,
              StartsWith("{\"step\":12,\"time\":1764630000.5,\"loss\":1.5"));
  EXPECT_THAT(line, EndsWith("}\n"));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["grad_norm"], 0.25);
  EXPECT_EQ(json["learning_rate"], 1e-4);
  EXPECT_EQ(json["step_seconds"], 3.5);
  // Its own is of this step, the other stage's of the one before.
  EXPECT_EQ(json["stage0_peak_bytes"], 1000);
  EXPECT_EQ(json["stage1_peak_bytes"], 2000);
}

TEST(CurveRowTest, WithoutADeviceThereIsNoPeak) {
  const auto json = nlohmann::json::parse(JsonLineOf(StepRow(Plan(0), {}, 1)));
  EXPECT_FALSE(json.contains("stage0_peak_bytes"));
  EXPECT_TRUE(json["loss"].is_null());  // nor a loss, which nobody reported
}

TEST(CurveRowTest, ALossThatIsNoNumberIsNull) {
  StepReport report;
  report.losses = {1.0, std::numeric_limits<double>::quiet_NaN()};
  const std::string line = JsonLineOf(StepRow(Plan(0), report, 1));
  EXPECT_TRUE(nlohmann::json::parse(line)["loss"].is_null());
  EXPECT_EQ(KeyOfLine(line.substr(0, line.size() - 1)), (CurveKey{1, false}));
}

TEST(CurveRowTest, AValidationHasItsBands) {
  StepReport report;  // two samples, each in two bands
  report.losses = {1.0, 3.0, 2.0, 5.0};
  report.timesteps = {977.6, 200.2, 977.6, 200.2};
  const CurveRow row = ValidationRow(Plan(100), report, 1);
  EXPECT_EQ(row.key, (CurveKey{100, true}));
  const std::string line = JsonLineOf(row);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["validation_loss"], 2.75);
  EXPECT_EQ(json["validation_loss_t978"], 1.5);
  EXPECT_EQ(json["validation_loss_t200"], 4.0);
  EXPECT_EQ(KeyOfLine(line.substr(0, line.size() - 1)), row.key);
}

TEST(CurveRowTest, AValidationComesBehindItsStep) {
  EXPECT_LT((CurveKey{4, false}), (CurveKey{4, true}));
  EXPECT_LT((CurveKey{4, true}), (CurveKey{5, false}));
}

TEST(CurveRowTest, OtherLinesAreNoRows) {
  for (const char* line : {"", "{", "{\"step\":1", "[1]", "{\"loss\":1}",
                           "{\"step\":\"1\"}", "{\"step\":1.5}", "text"}) {
    EXPECT_FALSE(KeyOfLine(line).has_value()) << line;
  }
}

}  // namespace
}  // namespace halfpipe
