#include "coordinator/run/job_memory.h"

#include <string>

#include "common/plan/activation_plan.h"
#include "common/plan/rates.h"
#include "coordinator/fake_stage.h"
#include "coordinator/run/job_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int64_t kGiB = int64_t{1} << 30;

JobConfig Config() {
  JobConfig config;
  config.data.height = 480;
  config.data.width = 832;
  config.data.frames = 49;
  config.train.micro_batches = 8;
  return config;
}

ScanResult Scan() {
  ScanResult scan{.variant = "i2v-a14b"};
  scan.model = {.dim = 5120,
                .ffn_dim = 13824,
                .heads = 40,
                .layers = 40,
                .text_dim = 4096,
                .in_channels = 36,
                .out_channels = 16};
  return scan;
}

std::vector<StageInfo> MeasuredStages() {
  std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
  for (StageInfo& stage : stages) {
    stage.device_rates = RatesText({MeasuredH200()});
    stage.host_available_bytes = 68 * kGiB;
  }
  return stages;
}

JobMemory Plan(const JobConfig& config, const std::vector<StageInfo>& stages) {
  absl::StatusOr<JobMemory> memory = PlanJobMemory(config, Scan(), stages);
  EXPECT_TRUE(memory.ok()) << memory.status();
  return memory.ok() ? *std::move(memory) : JobMemory();
}

int64_t BlocksOf(const std::string& text) {
  return ActivationPlan::Parse(text).value().size();
}

TEST(JobMemoryTest, WithoutRatesEveryBlockIsRecomputed) {
  const std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
  const JobMemory memory = Plan(Config(), stages);
  EXPECT_EQ(memory.split, 20);
  EXPECT_EQ(memory.schedule.hash, ScheduleOf(Config())->hash);
  EXPECT_THAT(memory.memory_plan, ElementsAre("20*krrrrrrr", "20*krrrrrrr"));
  EXPECT_THAT(memory.ffn_chunks, ElementsAre(1, 1));
  EXPECT_THAT(memory.summary, IsEmpty());
  EXPECT_THAT(memory.warning, IsEmpty());
}

TEST(JobMemoryTest, MoreThanTwoStagesAreNotPlanned) {
  for (int32_t world : {3, 4}) {
    JobConfig config = Config();
    config.pipeline.stages = world;
    std::vector<StageInfo> stages;
    for (int32_t rank = 0; rank < world; ++rank) {
      stages.push_back(MakeStageInfo(rank));
      stages.back().device_rates = RatesText({MeasuredH200()});
    }
    const JobMemory memory = Plan(config, stages);
    ASSERT_THAT(memory.memory_plan, SizeIs(stages.size()));
    int64_t blocks = 0;
    for (const std::string& text : memory.memory_plan) blocks += BlocksOf(text);
    EXPECT_EQ(blocks, 40);
    EXPECT_EQ(BlocksOf(memory.memory_plan[0]), memory.split);
    EXPECT_THAT(memory.ffn_chunks, SizeIs(stages.size()));
    EXPECT_THAT(memory.forecasts, IsEmpty());
  }
}

TEST(JobMemoryTest, OneStageWithoutRatesIsNoPlanEither) {
  std::vector<StageInfo> stages = MeasuredStages();
  stages[1].device_rates.clear();
  JobConfig config = Config();
  config.pipeline.memory = ActivationPolicy::kOffload;
  config.pipeline.gpu_memory_bytes = 22 * kGiB;
  const JobMemory memory = Plan(config, stages);
  EXPECT_THAT(memory.memory_plan, ElementsAre("20*oooooooo", "20*oooooooo"));
  EXPECT_THAT(memory.warning, HasSubstr("pipeline.gpu_memory is not kept"));
}

TEST(JobMemoryTest, AGpuThatWasFullWhenItsStageStartedIsNamed) {
  std::vector<StageInfo> stages = MeasuredStages();
  stages[1].device = "cuda:1";
  stages[1].device_rates.clear();
  EXPECT_THAT(Plan(Config(), stages).warning,
              HasSubstr("stage 1 could not measure cuda:1"));
}

TEST(JobMemoryTest, MeasuredStagesGetThePlannersPlan) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 24 * kGiB;
  const JobMemory memory = Plan(config, MeasuredStages());
  ASSERT_THAT(memory.memory_plan, SizeIs(2));
  EXPECT_EQ(BlocksOf(memory.memory_plan[0]), memory.split);
  EXPECT_EQ(BlocksOf(memory.memory_plan[1]), 40 - memory.split);
  EXPECT_THAT(memory.memory_plan[0], HasSubstr("o"));
  EXPECT_THAT(memory.summary, HasSubstr("s/sample"));
  EXPECT_THAT(memory.summary, HasSubstr("of 24.0 GiB"));
  EXPECT_THAT(memory.summary, HasSubstr(memory.memory_plan[1]));
  EXPECT_THAT(memory.schedule.ranks, SizeIs(2));
}

TEST(JobMemoryTest, AForecastSaysWhatTheBudgetIsUsedFor) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 24 * kGiB;
  const JobMemory memory = Plan(config, MeasuredStages());
  ASSERT_THAT(memory.forecasts, SizeIs(2));
  for (const StageForecast& forecast : memory.forecasts) {
    const DeviceMemoryUse& use = forecast.memory;
    EXPECT_EQ(forecast.budget_bytes, 24 * kGiB);
    EXPECT_EQ(use.weights_bytes + use.lora_bytes + use.optimizer_bytes +
                  use.activations_bytes + use.workspace_bytes,
              forecast.peak_bytes);
    EXPECT_EQ(use.free_bytes, forecast.budget_bytes - forecast.peak_bytes);
    // About half of 14 billion parameters in bf16.
    EXPECT_GT(use.weights_bytes, 10 * kGiB);
    EXPECT_GT(use.lora_bytes, 0);
    EXPECT_GT(use.activations_bytes, 0);
    EXPECT_GE(use.workspace_bytes, MeasuredH200().fixed_bytes);
  }
}

TEST(JobMemoryTest, TwoChunksAStageArePlannedLikeOne) {
  JobConfig config = Config();
  config.pipeline.schedule = pipeline::ScheduleName::kInterleaved;
  const std::vector<StageInfo> unmeasured = {MakeStageInfo(0),
                                             MakeStageInfo(1)};
  const JobMemory unplanned = Plan(config, unmeasured);
  EXPECT_EQ(unplanned.split, 20);
  EXPECT_EQ(unplanned.schedule.hash, ScheduleOf(config)->hash);
  EXPECT_THAT(unplanned.memory_plan, ElementsAre("20*krrrrrrr", "20*krrrrrrr"));
  const JobMemory memory = Plan(config, MeasuredStages());
  EXPECT_EQ(memory.schedule.options.name, pipeline::ScheduleName::kInterleaved);
  ASSERT_THAT(memory.memory_plan, SizeIs(2));
  // A rank's plan is for the blocks of both its chunks.
  EXPECT_EQ(BlocksOf(memory.memory_plan[0]), memory.split);
  EXPECT_EQ(BlocksOf(memory.memory_plan[1]), 40 - memory.split);
}

TEST(JobMemoryTest, AHostOfItsOwnIsABudgetOfItsOwn) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 28 * kGiB;
  std::vector<StageInfo> stages = MeasuredStages();
  for (StageInfo& stage : stages) stage.host_available_bytes = 36 * kGiB;
  const JobMemory shared = Plan(config, stages);
  stages[1].host = "there";
  const JobMemory each = Plan(config, stages);
  EXPECT_NE(shared.memory_plan, each.memory_plan);
}

TEST(JobMemoryTest, NothingIsOffloadedToAHostThatDoesNotSayWhatItHas) {
  std::vector<StageInfo> stages = MeasuredStages();
  for (StageInfo& stage : stages) stage.host_available_bytes = 0;
  for (const std::string& text : Plan(Config(), stages).memory_plan) {
    EXPECT_THAT(text, Not(HasSubstr("o")));
  }
}

TEST(JobMemoryTest, AForecastSaysWhatEachStageWillUse) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 24 * kGiB;
  const JobMemory memory = Plan(config, MeasuredStages());
  ASSERT_THAT(memory.forecasts, SizeIs(2));
  int64_t pinned = 0;
  for (const StageForecast& stage : memory.forecasts) {
    EXPECT_EQ(stage.budget_bytes, 24 * kGiB);
    EXPECT_LE(stage.peak_bytes, stage.budget_bytes);
    pinned += stage.pinned_bytes;
  }
  EXPECT_GT(pinned, 0);
  EXPECT_LE(pinned, 64 * kGiB);
}

TEST(JobMemoryTest, WhatOthersTookSinceTheRegistrationIsNotThere) {
  std::vector<StageInfo> stages = MeasuredStages();
  stages[1].device_free_change_bytes = -50 * kGiB;
  const JobMemory memory = Plan(Config(), stages);
  EXPECT_EQ(memory.forecasts[0].budget_bytes, MeasuredH200().free_bytes);
  EXPECT_EQ(memory.forecasts[1].budget_bytes,
            MeasuredH200().free_bytes - 50 * kGiB);
  stages[1].device_free_change_bytes = -1000 * kGiB;
  EXPECT_THAT(PlanJobMemory(Config(), Scan(), stages).status().message(),
              HasSubstr("0.00 GiB are free"));
}

TEST(JobMemoryTest, AHostBudgetThatIsNotThereIsCutWithAWarning) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 28 * kGiB;
  config.pipeline.host_memory_bytes = 500 * kGiB;
  std::vector<StageInfo> stages = MeasuredStages();
  for (StageInfo& stage : stages) stage.host_available_bytes = 21 * kGiB;
  const JobMemory memory = Plan(config, stages);
  EXPECT_THAT(memory.warning,
              HasSubstr("allows 500.0 GiB, but the host has only 21.0 GiB"));
  EXPECT_LE(memory.forecasts[0].pinned_bytes + memory.forecasts[1].pinned_bytes,
            20 * kGiB);
  // A host that does not say what it has is taken at the job's word.
  for (StageInfo& stage : stages) stage.host_available_bytes = 0;
  EXPECT_THAT(Plan(config, stages).warning, IsEmpty());
  for (StageInfo& stage : stages) stage.host_available_bytes = 100'000;
  const JobMemory none = Plan(config, stages);
  EXPECT_EQ(none.forecasts[0].pinned_bytes, 0);
  EXPECT_EQ(none.forecasts[1].pinned_bytes, 0);
}

TEST(JobMemoryTest, WhatThePeerHasPinnedIsThereAgainAfterARestart) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 24 * kGiB;
  std::vector<StageInfo> stages = MeasuredStages();
  const JobMemory before = Plan(config, stages);
  stages[1].host_available_bytes = 10 * kGiB;  // started again
  EXPECT_EQ(Plan(config, stages).memory_plan, before.memory_plan);
}

TEST(JobMemoryTest, LimitsAfterARefusalAreKeptByEachStage) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 24 * kGiB;
  const absl::StatusOr<JobMemory> memory =
      PlanJobMemory(config, Scan(), MeasuredStages(), {3 * kGiB, 20 * kGiB});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_LE(memory->forecasts[0].pinned_bytes, 3 * kGiB);
  EXPECT_LE(memory->forecasts[1].pinned_bytes, 20 * kGiB);
}

TEST(JobMemoryTest, APolicyThatDoesNotFitIsCarriedOutWithAWarning) {
  JobConfig config = Config();
  config.pipeline.memory = ActivationPolicy::kKeep;
  config.pipeline.gpu_memory_bytes = 24 * kGiB;
  const JobMemory memory = Plan(config, MeasuredStages());
  EXPECT_THAT(memory.memory_plan, ElementsAre("20*kkkkkkkk", "20*kkkkkkkk"));
  EXPECT_THAT(memory.warning, HasSubstr("no memory plan fits"));
  config.pipeline.gpu_memory_bytes = 0;
  const JobMemory fits = Plan(config, MeasuredStages());
  EXPECT_THAT(fits.warning, IsEmpty());
  EXPECT_THAT(fits.summary, HasSubstr("kkkkkkkk"));
}

TEST(JobMemoryTest, WhatCannotBeIsRefused) {
  JobConfig config = Config();
  config.pipeline.gpu_memory_bytes = 10 * kGiB;
  const absl::Status small =
      PlanJobMemory(config, Scan(), MeasuredStages()).status();
  EXPECT_EQ(small.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(small.message(), HasSubstr("pipeline.gpu_memory"));
  config = Config();
  config.pipeline.split_at = 40;
  EXPECT_EQ(PlanJobMemory(config, Scan(), MeasuredStages()).status().code(),
            absl::StatusCode::kInvalidArgument);
  std::vector<StageInfo> stages = MeasuredStages();
  stages[1].device_rates = "{";
  EXPECT_THAT(PlanJobMemory(Config(), Scan(), stages).status().message(),
              HasSubstr("rates of stage 1"));
}

TEST(JobMemoryTest, Fp32HasNoPlan) {
  JobConfig config = Config();
  config.pipeline.dtype = ComputeDType::kFp32;
  EXPECT_THAT(Plan(config, MeasuredStages()).memory_plan,
              ElementsAre("20*krrrrrrr", "20*krrrrrrr"));
}

}  // namespace
}  // namespace halfpipe
