#include "client/report/bench_report.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

StageUse Use(int32_t rank, double busy, int64_t peak, int64_t link) {
  StageUse use;
  use.rank = rank;
  use.busy_seconds = busy;
  use.device_peak_bytes = peak;
  use.link_bytes_sent = link;
  use.pinned_host_bytes = 10 * peak;
  return use;
}

BenchStep Step(double seconds, std::vector<StageUse> stages) {
  BenchStep step;
  step.wall_seconds = seconds;
  step.progress.stages = std::move(stages);
  return step;
}

// One warm-up step that would spoil every number, then three.
std::vector<BenchStep> FourSteps() {
  return {
      Step(100.0, {Use(0, 1.0, 9999, 77), Use(1, 1.0, 9999, 77)}),
      Step(2.0, {Use(0, 1.0, 100, 5), Use(1, 2.0, 300, 6)}),
      Step(4.0, {Use(0, 3.0, 200, 5), Use(1, 2.0, 250, 6)}),
      Step(10.0, {Use(0, 8.0, 150, 5), Use(1, 4.0, 200, 6)}),
  };
}

TEST(SummarizeBenchTest, LeavesOutTheWarmUp) {
  const auto result = SummarizeBench(FourSteps(), 1, 3, 8);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->s_per_step, 4.0);
  EXPECT_DOUBLE_EQ(result->s_per_sample, 0.5);
  ASSERT_EQ(result->stages.size(), 2u);
  // Busy 12 and 8 of 16 seconds.
  EXPECT_DOUBLE_EQ(result->stages[0].busy_ratio, 0.75);
  EXPECT_DOUBLE_EQ(result->stages[1].busy_ratio, 0.5);
  EXPECT_DOUBLE_EQ(result->bubble_ratio, 1.0 - 0.625);
  EXPECT_EQ(result->stages[0].peak_gpu_bytes, 200);
  EXPECT_EQ(result->stages[1].peak_gpu_bytes, 300);
  EXPECT_EQ(result->stages[1].link_bytes, 6);
  EXPECT_EQ(result->stages[1].pinned_host_bytes, 3000);
}

// 12 busy of 16 seconds in three steps: what the groups do not know is other.
TEST(SummarizeBenchTest, AProfileIsTheMeanStepWithItsRest) {
  auto steps = FourSteps();
  for (BenchStep& step : steps) {
    step.progress.stages[0].kernel_seconds = {{"linear", 2.0}, {"lora", 0.5}};
    step.progress.stages[0].action_seconds = {{"forward", 1.0}};
  }
  const auto result = SummarizeBench(steps, 1, 3, 8);
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& kernels = result->stages[0].kernel_seconds;
  EXPECT_DOUBLE_EQ(kernels.at("linear"), 2.0);
  EXPECT_DOUBLE_EQ(kernels.at("other"), 12.0 / 3 - 2.5);
  EXPECT_DOUBLE_EQ(kernels.at("idle"), 4.0 / 3);
  EXPECT_DOUBLE_EQ(result->stages[0].action_seconds.at("forward"), 1.0);
  EXPECT_TRUE(result->stages[1].kernel_seconds.empty());
  const auto json = BenchJson(*result, {});
  EXPECT_EQ(json["stages"][0]["kernel_seconds"]["lora"], 0.5);
  EXPECT_FALSE(json["stages"][1].contains("kernel_seconds"));
}

TEST(SummarizeBenchTest, EvenCountTakesTheMiddleOfTheTwo) {
  const std::vector<BenchStep> steps = {Step(1.0, {Use(0, 1, 1, 0)}),
                                        Step(3.0, {Use(0, 1, 1, 0)}),
                                        Step(5.0, {Use(0, 1, 1, 0)})};
  EXPECT_DOUBLE_EQ(SummarizeBench(steps, 1, 2, 1)->s_per_step, 4.0);
}

TEST(SummarizeBenchTest, RefusesMissingOrRepeatedSteps) {
  auto steps = FourSteps();
  EXPECT_THAT(SummarizeBench(steps, 1, 4, 8).status().message(),
              HasSubstr("expected the reports of 1 + 4 steps, found 4"));
  steps.push_back(steps.back());
  EXPECT_EQ(SummarizeBench(steps, 1, 3, 8).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(SummarizeBenchTest, RefusesAStepWithoutAStagesReport) {
  auto steps = FourSteps();
  steps[2].progress.stages.pop_back();
  steps[2].progress.steps_done = 3;
  EXPECT_THAT(SummarizeBench(steps, 1, 3, 8).status().message(),
              HasSubstr("step 3 has no report of stage 1"));
}

TEST(BenchJsonTest, HasTheKeysOfTheContract) {
  const auto result = SummarizeBench(FourSteps(), 1, 3, 8);
  ASSERT_TRUE(result.ok());
  BenchOptions options;
  options.variant = "i2v-a14b";
  const auto json = BenchJson(*result, BenchConfigJson(options));
  std::vector<std::string> keys;
  for (const auto& item : json.items()) keys.push_back(item.key());
  EXPECT_THAT(keys,
              ::testing::ElementsAre("schema", "config", "s_per_step",
                                     "s_per_sample", "bubble_ratio", "stages"));
  EXPECT_EQ(json["config"]["variant"], "i2v-a14b");
  EXPECT_EQ(json["config"]["micro_batches"], 8);
  EXPECT_EQ(json["stages"][1]["stage"], 1);
  EXPECT_EQ(json["stages"][0]["peak_gpu_bytes"], 200);
  EXPECT_EQ(json["stages"][0]["link_bytes"], 5);
}

TEST(MeasureStepTest, ControlTrafficCountsAndRoundingDoesNot) {
  StepProgress step;
  step.step_seconds = 2.0;
  const absl::Time end = absl::FromUnixSeconds(100);
  EXPECT_DOUBLE_EQ(MeasureStep(step, end, absl::InfinitePast()).wall_seconds,
                   2.0);
  EXPECT_DOUBLE_EQ(
      MeasureStep(step, end, end - absl::Seconds(2.5)).wall_seconds, 2.5);
  // Two events may carry the same millisecond.
  EXPECT_DOUBLE_EQ(MeasureStep(step, end, end).wall_seconds, 2.0);
}

TEST(BenchJobConfigTest, IsARandomJobWithAWarmUpStep) {
  BenchOptions options;
  options.variant = "i2v-a14b";
  options.layers = 4;
  options.steps = 3;
  options.gpu_memory = "22GiB";
  options.schedule = "gpipe";
  options.weights = "fp8";
  const auto config = BenchJobConfig(options, "/tmp/b");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.random.variant, "i2v-a14b");
  EXPECT_EQ(config->model.random.layers, 4);
  EXPECT_EQ(config->model.weights, WeightForm::kFp8);
  EXPECT_EQ(config->train.steps, 4);
  EXPECT_EQ(config->train.micro_batches, 8);
  EXPECT_EQ(config->data.frames, 49);
  EXPECT_TRUE(config->data.is_random());
  EXPECT_EQ(config->pipeline.schedule, pipeline::ScheduleName::kGpipe);
  EXPECT_EQ(config->pipeline.gpu_memory_bytes, int64_t{22} << 30);
  EXPECT_GT(config->output.save_every.steps, config->train.steps);
  EXPECT_EQ(config->output.dir, "/tmp/b/output");
}

TEST(BenchJobConfigTest, NamesEveryBadFlag) {
  BenchOptions options;
  options.variant = "i2v-a14b";
  options.schedule = "2f2b";
  options.frames = 48;
  options.host_memory = "lots";
  const absl::Status status = BenchJobConfig(options, "/tmp/b").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("pipeline.schedule"));
  EXPECT_THAT(status.message(), HasSubstr("data.frames"));
  EXPECT_THAT(status.message(), HasSubstr("pipeline.host_memory"));
}

TEST(BenchJobConfigTest, ATextCannotSmuggleInAKey) {
  BenchOptions options;
  options.variant = "x\", layers: 9} #";
  const auto config = BenchJobConfig(options, "/tmp/b");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.random.variant, options.variant);
  EXPECT_EQ(config->model.random.layers, 0);
}

}  // namespace
}  // namespace halfpipe
