#include "common/plan/plan_request.h"

#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JobConfig Config() {
  JobConfig config;
  config.data.height = 480;
  config.data.width = 832;
  config.data.frames = 49;
  config.train.micro_batches = 8;
  return config;
}

PlanRequest RequestOf(const JobConfig& config) {
  return MakePlanRequest(config, A14bRequest().model,
                         {MeasuredH200(), MeasuredH200()}, {100 * kGiB})
      .value();
}

TEST(PlanRequestTest, TheDesignsCase) {
  const PlanRequest request = RequestOf(Config());
  EXPECT_EQ(request.clip.tokens(), 20280);
  EXPECT_EQ(request.clip.frames(), 49);
  EXPECT_EQ(request.clip.context_tokens, 512);
  EXPECT_EQ(request.lora_parameters, 153'354'240);
  EXPECT_EQ(request.schedule.microbatches, 8);
  EXPECT_EQ(request.schedule.stages, 2);
  EXPECT_FALSE(request.fixed_warmup);
  EXPECT_FALSE(request.split.has_value());
  EXPECT_FALSE(request.policy.has_value());
  EXPECT_THAT(request.host_memory_bytes, ElementsAre(96 * kGiB));
  EXPECT_TRUE(PlanTraining(request).ok());
}

TEST(PlanRequestTest, EveryKeyThatPlansReadArrives) {
  JobConfig config = Config();
  config.model.weights = WeightForm::kFp8;
  config.lora.targets = {"self_attn.q"};
  config.lora.rank = 16;
  config.pipeline.split_at = 18;
  config.pipeline.schedule = pipeline::ScheduleName::kGpipe;
  config.pipeline.warmup = {4, 3};
  config.pipeline.memory = ActivationPolicy::kOffload;
  config.pipeline.gpu_memory_bytes = 22 * kGiB;
  config.pipeline.host_memory_bytes = 64 * kGiB;
  const PlanRequest request = RequestOf(config);
  EXPECT_EQ(request.weights, WeightForm::kFp8);
  EXPECT_EQ(request.lora_parameters, 40 * 16 * (5120 + 5120));
  EXPECT_EQ(request.split, 18);
  EXPECT_EQ(request.schedule.name, pipeline::ScheduleName::kGpipe);
  EXPECT_TRUE(request.fixed_warmup);
  EXPECT_EQ(request.schedule.warmup, (pipeline::Warmup{4, 3}));
  EXPECT_EQ(request.policy, ActivationPolicy::kOffload);
  EXPECT_EQ(request.gpu_memory_bytes, 22 * kGiB);
  EXPECT_THAT(request.host_memory_bytes, ElementsAre(64 * kGiB));
}

TEST(PlanRequestTest, ClipsWithoutASizeAreAsLargeAsTheyMayBe) {
  JobConfig config = Config();
  config.data.height = config.data.width = 0;
  config.data.max_pixels = 480 * 832;
  EXPECT_EQ(RequestOf(config).clip.tokens(), 20280);
  ModelSpec coarse = A14bRequest().model;
  coarse.out_channels = 48;
  EXPECT_EQ(LargestClip(config.data, coarse).tokens_per_frame, 390);
  ModelSpec image = A14bRequest().model;
  image.image_dim = kImageFeatures;
  EXPECT_EQ(LargestClip(config.data, image).context_tokens, 769);
}

TEST(PlanRequestTest, ImageBranchesHaveMoreToAdapt) {
  ModelSpec image = A14bRequest().model;
  image.image_dim = kImageFeatures;
  LoraConfig lora;
  EXPECT_EQ(LoraParameters(image, lora), 153'354'240);  // k_img is no k
  lora.targets.emplace_back("k_img");
  EXPECT_EQ(LoraParameters(image, lora), 153'354'240 + 40 * 32 * 2 * 5120);
}

TEST(PlanRequestTest, HostsKeepAReserve) {
  const PipelineConfig pipeline;
  EXPECT_THAT(HostBudgets(pipeline, {6 * kGiB, 2 * kGiB}),
              ElementsAre(2 * kGiB, 0));
}

TEST(PlanRequestTest, Fp32IsRefused) {
  JobConfig config = Config();
  config.pipeline.dtype = ComputeDType::kFp32;
  EXPECT_THAT(
      MakePlanRequest(config, A14bRequest().model, {}, {}).status().message(),
      HasSubstr("pipeline.dtype"));
}

}  // namespace
}  // namespace halfpipe
