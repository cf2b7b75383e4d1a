#include "common/plan/planner.h"

#include <algorithm>
#include <string>

#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TrainingPlan Plan(const PlanRequest& request) {
  absl::StatusOr<TrainingPlan> plan = PlanTraining(request);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : TrainingPlan();
}

std::string MessageOf(const PlanRequest& request) {
  const absl::Status status = PlanTraining(request).status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

PlanRequest Capped(int64_t gpu_gib, int64_t host_gib) {
  PlanRequest request = A14bRequest();
  request.gpu_memory_bytes = gpu_gib * kGiB;
  request.host_memory_bytes = {host_gib * kGiB};
  request.max_ffn_chunks = 8;
  return request;
}

// A slower card with `total_gib`, all free, on PCIe alone.
DeviceRates Card(const char* name, int64_t total_gib) {
  DeviceRates card = MeasuredH200();
  card.name = name;
  card.matmul_flops_per_second = 150e12;
  card.fp8_matmul_flops_per_second = 0.0;
  card.attention_forward_flops_per_second = 100e12;
  card.attention_backward_flops_per_second = 90e12;
  card.elementwise_bytes_per_second = 0.8e12;
  card.host_to_device_bytes_per_second = 22e9;
  card.device_to_host_bytes_per_second = 22e9;
  card.link_bytes_per_second = 10e9;
  card.link_uses_pcie = true;
  card.total_bytes = total_gib * kGiB;
  card.free_bytes = total_gib * kGiB;
  card.fixed_bytes = kGiB;
  return card;
}

// Masters and moments leave the GPU only where that gains something.
TEST(PlannerTest, TheOptimizerGoesToTheHostWhereTheGpuIsShort) {
  EXPECT_FALSE(Plan(A14bRequest()).optimizer_on_host);
  PlanRequest request = Capped(14, 48);
  request.weights = WeightForm::kFp8;
  const TrainingPlan plan = Plan(request);
  ASSERT_TRUE(plan.optimizer_on_host);
  int64_t on_host = 0;
  for (const StagePlan& stage : plan.stages) {
    EXPECT_LE(stage.peak_bytes, request.gpu_memory_bytes);
    on_host += stage.optimizer_host_bytes;
  }
  EXPECT_EQ(on_host, 12 * request.lora_parameters);
  EXPECT_LE(plan.pinned_host_bytes(), request.host_memory_bytes.front());
}

// Measured on two H200s without a cap: 2.33 s a sample, split at 21.
TEST(PlannerTest, AnH200PairTakesWhatWasMeasured) {
  const TrainingPlan plan = Plan(A14bRequest());
  ASSERT_THAT(plan.stages, SizeIs(2));
  // Stage 1 idles at both ends of a step; a block less shortens both.
  EXPECT_GE(plan.split, 20);
  EXPECT_LE(plan.split, 22);
  EXPECT_NEAR(plan.sample_seconds(), 2.33, 0.23);
  EXPECT_LT(plan.simulation.bubble_ratio, 0.15);
  EXPECT_EQ(plan.stages[0].activations.size(), plan.split);
  EXPECT_EQ(plan.stages[1].activations.size(), 40 - plan.split);
  for (const StagePlan& stage : plan.stages) {
    EXPECT_LE(stage.peak_bytes, stage.budget_bytes);
    EXPECT_GE(stage.live, 2);
  }
}

// Measured on two H200s: 2.73 s a sample with 64 GiB of host memory.
TEST(PlannerTest, A24GBPairTakesWhatWasMeasured) {
  const TrainingPlan with_64 = Plan(Capped(22, 64));
  EXPECT_NEAR(with_64.sample_seconds(), 2.73, 0.27);
  EXPECT_LE(with_64.pinned_host_bytes(), 64 * kGiB);
  const TrainingPlan with_128 = Plan(Capped(22, 128));
  EXPECT_LE(with_128.sample_seconds(), with_64.sample_seconds() * 1.005);
  EXPECT_LE(with_128.pinned_host_bytes(), 128 * kGiB);
  for (const TrainingPlan* plan : {&with_64, &with_128}) {
    for (const StagePlan& stage : plan->stages) {
      EXPECT_LE(stage.peak_bytes, 22 * kGiB);
    }
  }
}

TEST(PlannerTest, A16GBPairHasAPlanWithFp8Weights) {
  PlanRequest request = Capped(0, 48);
  request.gpu_memory_bytes = 29 * kGiB / 2;
  request.weights = WeightForm::kFp8;
  const TrainingPlan plan = Plan(request);
  for (const StagePlan& stage : plan.stages) {
    EXPECT_LE(stage.peak_bytes, 29 * kGiB / 2);
  }
}

TEST(PlannerTest, BudgetsHoldAndMoreMemoryIsNotSlower) {
  constexpr int64_t kGpus[] = {26, 36, 96};
  constexpr int64_t kHosts[] = {32, 64, 256};
  double row[std::size(kHosts)] = {1e9, 1e9, 1e9};
  for (int64_t gpu : kGpus) {
    double before = 1e9;
    for (size_t h = 0; h < std::size(kHosts); ++h) {
      PlanRequest request = Capped(gpu, kHosts[h]);
      request.max_ffn_chunks = 1;
      const TrainingPlan plan = Plan(request);
      ASSERT_THAT(plan.stages, SizeIs(2)) << gpu << " " << kHosts[h];
      EXPECT_LE(plan.pinned_host_bytes(), kHosts[h] * kGiB);
      for (const StagePlan& stage : plan.stages) {
        EXPECT_LE(stage.peak_bytes, gpu * kGiB);
      }
      // The half percent is what the planner gives for pinning less.
      EXPECT_LE(plan.step_seconds(), before * 1.005) << gpu << " " << kHosts[h];
      EXPECT_LE(plan.step_seconds(), row[h] * 1.005) << gpu << " " << kHosts[h];
      before = row[h] = plan.step_seconds();
    }
  }
}

TEST(PlannerTest, ThePeakIsTheSumOfItsParts) {
  PlanRequest request = Capped(22, 64);
  request.split = 20;
  const TrainingPlan plan = Plan(request);
  for (const StagePlan& stage : plan.stages) {
    EXPECT_EQ(stage.peak_bytes, stage.fixed_bytes + stage.weight_bytes +
                                    stage.trained_bytes + stage.boundary_bytes +
                                    stage.slack_bytes +
                                    stage.cost.device_bytes());
    // 20 blocks of 351.4 million parameters in bf16, and embeddings.
    EXPECT_GT(stage.weight_bytes, int64_t{13'900'000'000});
    EXPECT_LT(stage.weight_bytes, int64_t{15'100'000'000});
  }
  EXPECT_GT(plan.stages[0].weight_bytes, plan.stages[1].weight_bytes);
}

TEST(PlannerTest, AHostBudgetEachIsNotShared) {
  PlanRequest request = Capped(22, 32);
  const double shared = Plan(request).step_seconds();
  request.host_memory_bytes = {32 * kGiB, 32 * kGiB};
  const TrainingPlan plan = Plan(request);
  EXPECT_LT(plan.step_seconds(), shared);
  for (const StagePlan& stage : plan.stages) {
    EXPECT_LE(stage.cost.host_bytes, 32 * kGiB);
  }
}

TEST(PlannerTest, APolicyAndAWarmupThatAreGivenStay) {
  PlanRequest request = A14bRequest();
  request.policy = ActivationPolicy::kRecompute;
  request.fixed_warmup = true;
  request.schedule.warmup = {3, 2};
  const TrainingPlan recompute = Plan(request);
  EXPECT_EQ(recompute.schedule.options.warmup, (pipeline::Warmup{3, 2}));
  EXPECT_EQ(
      recompute.stages[0].activations,
      ActivationPlan::Uniform(ActivationPolicy::kRecompute, recompute.split));
  EXPECT_EQ(recompute.stages[0].live, 3);
  EXPECT_EQ(recompute.stages[1].live, 2);
  EXPECT_GT(recompute.step_seconds(), 1.2 * Plan(A14bRequest()).step_seconds());
  request.policy = ActivationPolicy::kKeep;
  request.gpu_memory_bytes = 40 * kGiB;
  EXPECT_THAT(MessageOf(request), HasSubstr("pipeline.gpu_memory"));
}

TEST(PlannerTest, OneCardAndTheOtherSchedules) {
  PlanRequest request = A14bRequest();
  request.schedule.stages = 1;
  request.devices = {MeasuredH200()};
  const TrainingPlan alone = Plan(request);
  ASSERT_THAT(alone.stages, SizeIs(1));
  EXPECT_EQ(alone.split, 40);
  EXPECT_EQ(alone.stages[0].live, 1);
  EXPECT_GT(alone.sample_seconds(), 3.4);
  for (pipeline::ScheduleName name :
       {pipeline::ScheduleName::kGpipe, pipeline::ScheduleName::kSequential}) {
    PlanRequest other = A14bRequest();
    other.schedule.name = name;
    EXPECT_GT(Plan(other).step_seconds(),
              Plan(A14bRequest()).step_seconds() * 0.995);
  }
}

TEST(PlannerTest, ChunksShortenTheStep) {
  PlanRequest request = A14bRequest();
  const TrainingPlan plain = Plan(request);
  request.schedule.name = pipeline::ScheduleName::kInterleaved;
  const TrainingPlan plan = Plan(request);
  const int32_t chunks = plan.schedule.options.chunks;
  ASSERT_THAT(plan.costs.segments, SizeIs(2 * chunks + 1));
  EXPECT_LT(plan.step_seconds(), plain.step_seconds());
  EXPECT_LT(plan.simulation.bubble_ratio, plain.simulation.bubble_ratio);
  for (size_t rank = 0; rank < 2; ++rank) {
    const StagePlan& stage = plan.stages[rank];
    EXPECT_EQ(stage.live, plan.schedule.use[rank].max_live);
    EXPECT_LE(stage.peak_bytes, stage.budget_bytes);
    // The chunks of a stage cost the same, and together what the stage does.
    EXPECT_NEAR(plan.costs.segments[rank + 2].backward_seconds * chunks,
                stage.cost.backward_seconds, 1e-9);
  }
  // In little memory it is slower, but for the half percent that plans which
  // pin less may cost.
  request.gpu_memory_bytes = 24 * kGiB;
  const TrainingPlan lean = Plan(request);
  EXPECT_LE(lean.stages[0].peak_bytes, 24 * kGiB);
  EXPECT_GT(lean.step_seconds(), plan.step_seconds() * 0.995);
}

TEST(PlannerTest, UnevenCardsGetUnevenHalves) {
  PlanRequest request = A14bRequest();
  request.clip.latent_frames = 5;
  request.host_memory_bytes = {64 * kGiB};
  request.max_ffn_chunks = 8;
  request.devices = {Card("large", 24), Card("small", 16)};
  const TrainingPlan plan = Plan(request);
  EXPECT_GT(plan.split, 20);
  EXPECT_LE(plan.stages[0].peak_bytes, 24 * kGiB);
  EXPECT_LE(plan.stages[1].peak_bytes, 16 * kGiB);
  request.devices = {Card("small", 16), Card("large", 24)};
  EXPECT_LT(Plan(request).split, 20);
  // A faster card takes more of the work.
  request.devices = {Card("fast", 24), Card("slow", 24)};
  request.devices[0].matmul_flops_per_second *= 2;
  request.devices[0].attention_forward_flops_per_second *= 2;
  request.devices[0].attention_backward_flops_per_second *= 2;
  EXPECT_GE(Plan(request).split, 22);
}

TEST(PlannerTest, WhatDoesNotFitSaysWhichLimitAndWhatWouldDo) {
  const std::string gpu = MessageOf(Capped(15, 64));
  EXPECT_THAT(gpu, HasSubstr("no memory plan fits 49 frames (20280 tokens)"));
  EXPECT_THAT(gpu, HasSubstr("GPU 0 (NVIDIA H200) lacks "));
  EXPECT_THAT(gpu, HasSubstr("pipeline.gpu_memory allows 15.00 GiB"));
  EXPECT_THAT(gpu, HasSubstr("model.weights: fp8"));
  EXPECT_THAT(gpu, Not(HasSubstr("data.frames")));  // weights alone are more
  const std::string host = MessageOf(Capped(22, 0));
  EXPECT_THAT(host, HasSubstr("the host lacks "));
  EXPECT_THAT(host, HasSubstr("pipeline.host_memory allows 0.00 GiB"));
  EXPECT_THAT(host, HasSubstr("This would fit: data.frames: "));
  PlanRequest full = A14bRequest();
  full.devices[1].free_bytes = kGiB;
  EXPECT_THAT(MessageOf(full), HasSubstr("GPU 1 (NVIDIA H200) lacks "));
  EXPECT_THAT(MessageOf(full), HasSubstr("1.00 GiB are free"));
}

TEST(PlannerTest, WhatItSaysWouldFitDoesFit) {
  PlanRequest request = Capped(22, 0);
  const int64_t frames = LongestClip(request);
  ASSERT_GT(frames, 0);
  ASSERT_LT(frames, 49);
  EXPECT_EQ(frames % 4, 1);
  EXPECT_THAT(MessageOf(request),
              HasSubstr("data.frames: " + std::to_string(frames)));
  request.clip.latent_frames = (frames - 1) / 4 + 1;
  Plan(request);
  request.clip.latent_frames += 1;
  EXPECT_FALSE(PlanTraining(request).ok());
}

TEST(PlannerTest, TheLongestClipGrowsWithMemory) {
  int64_t before = 0;
  for (int64_t gpu : {20, 22, 30, 60, 120}) {
    const int64_t frames = LongestClip(Capped(gpu, 256));
    EXPECT_GE(frames, before) << gpu;
    before = frames;
  }
  EXPECT_GT(before, 81);
  EXPECT_EQ(LongestClip(Capped(10, 256)), 0);
}

TEST(PlannerTest, PartsOfTheFeedForwardLayerAreForWhatDoesNotFitOtherwise) {
  EXPECT_EQ(Plan(Capped(80, 64)).stages[0].ffn_chunks, 1);
  PlanRequest whole = Capped(30, 64);
  whole.max_ffn_chunks = 1;
  whole.clip.latent_frames = (LongestClip(whole) - 1) / 4 + 2;
  EXPECT_FALSE(PlanTraining(whole).ok());
  PlanRequest parts = whole;
  parts.max_ffn_chunks = 8;
  EXPECT_GT(Plan(parts).stages[0].ffn_chunks, 1);
}

TEST(PlannerTest, SlowPcieAndNoHostMemoryStillGiveAPlan) {
  PlanRequest request = Capped(30, 64);
  const double fast = Plan(request).step_seconds();
  for (DeviceRates& device : request.devices) {
    device.host_to_device_bytes_per_second = 2e9;
    device.device_to_host_bytes_per_second = 2e9;
    device.link_uses_pcie = true;
  }
  const TrainingPlan slow = Plan(request);
  EXPECT_GT(slow.step_seconds(), fast);
  request.host_memory_bytes = {0};
  const TrainingPlan none = Plan(request);
  EXPECT_EQ(none.pinned_host_bytes(), 0);
  // Another split must gain a percent, less pinned memory may cost a half.
  EXPECT_GE(none.step_seconds(), slow.step_seconds() * 0.985);
}

TEST(PlannerTest, RequestsThatCannotBeAreRefused) {
  PlanRequest request = A14bRequest();
  request.devices.pop_back();
  EXPECT_THAT(MessageOf(request), HasSubstr("rates of 2 devices, found 1"));
  request = A14bRequest();
  request.split = 40;
  EXPECT_THAT(MessageOf(request), HasSubstr("pipeline.split_at: 40"));
  request = A14bRequest();
  request.clip.latent_frames = 0;
  EXPECT_THAT(MessageOf(request), HasSubstr("clip"));
  request = A14bRequest();
  request.host_memory_bytes = {};
  EXPECT_THAT(MessageOf(request), HasSubstr("host budget"));
  request = A14bRequest();
  request.weights = WeightForm::kFp8Compute;
  request.devices[1].fp8_matmul_flops_per_second = 0.0;
  EXPECT_THAT(MessageOf(request), HasSubstr("has no fp8 products"));
  EXPECT_EQ(LongestClip(request), 0);
  request = A14bRequest();
  request.devices[0].matmul_flops_per_second = 0.0;
  EXPECT_EQ(PlanTraining(request).status().code(),
            absl::StatusCode::kInvalidArgument);
  request = A14bRequest();
  request.schedule.stages = 3;
  request.devices.push_back(request.devices[0]);
  EXPECT_THAT(MessageOf(request), HasSubstr("stages is 3, expected 1 or 2"));
}

}  // namespace
}  // namespace halfpipe
