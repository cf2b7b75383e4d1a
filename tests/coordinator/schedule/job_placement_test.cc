#include "coordinator/schedule/job_placement.h"

#include "coordinator/fake_stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

std::vector<StageInfo> Stages(const std::string& device) {
  std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
  for (StageInfo& stage : stages) stage.device = device;
  return stages;
}

TEST(JobPlacementTest, NeedsComeFromTheJobAndItsRequest) {
  JobConfig config;
  config.pipeline.stages = 1;
  config.pipeline.device = DeviceType::kCuda;
  config.output.dir = "/out/x/../a/";
  JobSpec spec;
  spec.pair = "left";
  spec.join_timeout = absl::Seconds(9);
  const JobNeeds needs = NeedsOf(config, spec);
  EXPECT_EQ(needs.pair, "left");
  EXPECT_EQ(needs.stages, 1);
  EXPECT_EQ(needs.device, DeviceType::kCuda);
  EXPECT_EQ(needs.output_dir, "/out/a");
  spec.kind = JobKind::kCheck;
  EXPECT_EQ(NeedsOf(config, spec).output_dir, "");
  EXPECT_EQ(needs.join_timeout, absl::Seconds(9));
}

// `halfpipe check` starts stages on the CPU, whatever device the job names.
TEST(JobPlacementTest, ACheckRunsOnAnyDevice) {
  JobConfig config;
  JobSpec check;
  check.kind = JobKind::kCheck;
  for (const DeviceType device : {DeviceType::kCuda, DeviceType::kCpu}) {
    config.pipeline.device = device;
    const JobNeeds needs = NeedsOf(config, check);
    EXPECT_EQ(WhyUnfit(needs, "left", Stages("cpu")), "");
    EXPECT_EQ(WhyUnfit(needs, "left", Stages("cuda:0")), "");
  }
  JobSpec prepare;
  prepare.kind = JobKind::kPrepare;
  config.pipeline.device = DeviceType::kCuda;
  EXPECT_THAT(WhyUnfit(NeedsOf(config, prepare), "left", Stages("cpu")),
              HasSubstr("no GPU"));
}

TEST(JobPlacementTest, NamesWhatIsMissing) {
  EXPECT_EQ(MissingStages({}, 2), "stage 0 and stage 1");
  EXPECT_EQ(MissingStages({MakeStageInfo(1)}, 2), "stage 0");
  EXPECT_EQ(MissingStages({MakeStageInfo(0)}, 1), "");
}

TEST(JobPlacementTest, DevicesAndNames) {
  JobNeeds needs;
  EXPECT_EQ(WhyUnfit(needs, "left", Stages("cpu")), "");
  EXPECT_EQ(WhyUnfit(needs, "left", Stages("cuda:0")), "");
  needs.device = DeviceType::kCuda;
  EXPECT_THAT(WhyUnfit(needs, "left", Stages("cpu")), HasSubstr("no GPU"));
  EXPECT_EQ(WhyUnfit(needs, "left", Stages("cuda:0")), "");
  needs.device = DeviceType::kCpu;
  EXPECT_THAT(WhyUnfit(needs, "left", Stages("cuda:0")), HasSubstr("cuda:0"));
  needs = {};
  needs.pair = "right";
  EXPECT_THAT(WhyUnfit(needs, "left", Stages("cpu")), HasSubstr("pair right"));
  EXPECT_EQ(WhyUnfit(needs, "right", Stages("cpu")), "");
}

TEST(JobPlacementTest, OnlyTheRanksThatAJobUsesCount) {
  JobNeeds needs;
  needs.stages = 1;
  needs.device = DeviceType::kCuda;
  std::vector<StageInfo> stages = Stages("cuda:0");
  stages[1].device = "cpu";
  EXPECT_EQ(WhyUnfit(needs, "left", stages), "");
  needs.stages = 2;
  EXPECT_THAT(WhyUnfit(needs, "left", stages), HasSubstr("stage 1"));
}

}  // namespace
}  // namespace halfpipe
