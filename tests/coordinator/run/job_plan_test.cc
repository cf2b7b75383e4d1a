#include "coordinator/run/job_plan.h"

#include "coordinator/fake_stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(JobPlanTest, SplitIsHalfRoundedUpUnlessItIsGiven) {
  PipelineConfig pipeline;
  EXPECT_EQ(SplitOf(pipeline, 40).value(), 20);
  EXPECT_EQ(SplitOf(pipeline, 5).value(), 3);
  pipeline.split_at = 1;
  EXPECT_EQ(SplitOf(pipeline, 5).value(), 1);
  pipeline.split_at = 5;
  EXPECT_EQ(SplitOf(pipeline, 5).status().code(),
            absl::StatusCode::kInvalidArgument);
  pipeline.stages = 1;
  EXPECT_EQ(SplitOf(pipeline, 5).value(), 5);
  EXPECT_EQ(SplitOf(pipeline, 1).value(), 1);
}

TEST(JobPlanTest, MoreStagesSplitEvenly) {
  PipelineConfig pipeline;
  pipeline.stages = 3;
  EXPECT_EQ(SplitOf(pipeline, 40).value(), 14);
  EXPECT_EQ(SplitOf(pipeline, 3).value(), 1);
  EXPECT_THAT(SplitOf(pipeline, 2).status().message(),
              HasSubstr("2 blocks, which 3 stages cannot share"));
  pipeline.split_at = 39;
  EXPECT_THAT(SplitOf(pipeline, 40).status().message(),
              HasSubstr("from 1 to 38"));
}

TEST(JobPlanTest, MoreStagesHaveASchedule) {
  JobConfig config;
  config.train.micro_batches = 8;
  for (int64_t stages : {3, 4}) {
    config.pipeline.stages = stages;
    for (const auto name : {pipeline::ScheduleName::kOneFOneB,
                            pipeline::ScheduleName::kInterleaved}) {
      config.pipeline.schedule = name;
      const auto schedule = ScheduleOf(config);
      ASSERT_TRUE(schedule.ok()) << schedule.status();
      EXPECT_THAT(schedule->ranks, SizeIs(static_cast<size_t>(stages)));
    }
  }
}

TEST(JobPlanTest, ASplitThatLeavesAStageEmptySaysWhatWouldDo) {
  PipelineConfig pipeline;
  pipeline.split_at = 4;
  EXPECT_THAT(std::string(SplitOf(pipeline, 4).status().message()),
              HasSubstr("from 1 to 3"));
  pipeline.split_at.reset();
  EXPECT_THAT(std::string(SplitOf(pipeline, 1).status().message()),
              HasSubstr("pipeline.stages"));
}

TEST(JobPlanTest, SharesAreEven) {
  std::vector<SampleRef> samples(7);
  samples[2].cached = true;
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].row = static_cast<int64_t>(i);
  }
  const auto shares = SplitUncached(samples, 2);
  ASSERT_THAT(shares, SizeIs(2));
  EXPECT_THAT(shares[0], SizeIs(3));
  EXPECT_THAT(shares[1], SizeIs(3));
  EXPECT_THAT(SplitUncached(samples, 1)[0], SizeIs(6));
}

TEST(JobPlanTest, ASchedulePerConfig) {
  JobConfig config;
  config.train.micro_batches = 8;
  auto schedule = ScheduleOf(config);
  ASSERT_TRUE(schedule.ok()) << schedule.status();
  EXPECT_THAT(schedule->ranks, SizeIs(2));
  config.pipeline.warmup = {5, 2};
  EXPECT_EQ(ScheduleOf(config)->options.warmup, (pipeline::Warmup{5, 2}));
  config.pipeline.schedule = pipeline::ScheduleName::kSequential;
  EXPECT_NE(ScheduleOf(config)->hash, schedule->hash);
  config.pipeline.stages = 1;
  EXPECT_THAT(ScheduleOf(config)->ranks, SizeIs(1));
}

TEST(JobPlanTest, LinkFollowsTheDevices) {
  std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
  EXPECT_EQ(LinkKindOf(stages).value(), "local");
  stages[0].device = "cuda:0";
  EXPECT_THAT(LinkKindOf(stages).status().message(),
              HasSubstr("stage 1 on cpu"));
  stages[1].device = "cuda:1";
  EXPECT_EQ(LinkKindOf(stages).value(), "nccl");
}

TEST(JobPlanTest, AnEpochOfStepsTakesEverySampleOnce) {
  JobPlan job;
  job.config.train.steps = 6;
  job.config.train.micro_batches = 2;
  std::vector<SampleRef> samples(4);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].latents_path = absl::StrCat(i);
  }
  std::vector<std::string> seen;
  for (int64_t step = 0; step < 2; ++step) {
    const StepPlan plan =
        MakeStepPlan(job, samples, Epoch(3), Step(step), "hash");
    EXPECT_EQ(plan.schedule_hash, "hash");
    EXPECT_EQ(plan.epoch, Epoch(3));
    for (const MicrobatchPlan& microbatch : plan.microbatches) {
      EXPECT_EQ(microbatch.data_position, static_cast<int64_t>(seen.size()));
      seen.push_back(microbatch.latents_path);
    }
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("0", "1", "2", "3"));
}

TEST(JobPlanTest, MetadataHasNoPathsAndNoNames) {
  JobPlan job;
  job.id = "secret-id";
  job.config.name = "secret-name";
  job.config.output.dir = "/secret";
  job.config_digest = "c";
  ScanResult scan;
  scan.variant = "v";
  scan.data_digest = "d";
  for (const auto& [key, value] : ExportMetadata(job, scan, 7)) {
    EXPECT_EQ(value.find("secret"), std::string::npos) << key;
  }
  EXPECT_EQ(ExportMetadata(job, scan, 7).at("halfpipe.step"), "7");
}

}  // namespace
}  // namespace halfpipe
