#include "stage/train/training_source.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "common/jobs/random_sample.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

const Shape kLatents = {1, 4, 3, 4, 6};

TrainingSourceOptions RandomOptions() {
  TrainingSourceOptions options;
  options.seed = 11;
  options.random_latents_shape = kLatents;
  options.random_y_shape = {1, 2, 3, 4, 6};
  options.random_text_dim = 8;
  return options;
}

TrainingSource Make(TrainingSourceOptions options) {
  return TrainingSource(std::move(options),
                        *FlowMatchSchedule::Create(TimestepConfig()));
}

StepPlan RandomPlan(int64_t step, int microbatches) {
  StepPlan plan;
  plan.step = Step(step);
  for (int i = 0; i < microbatches; ++i) {
    const std::string path = RandomSampleName(i);
    plan.microbatches.push_back({.latents_path = path, .context_path = path});
  }
  return plan;
}

MicrobatchData Load(TrainingSource source, const StepPlan& plan, int index) {
  auto data = source.Load(plan, Microbatch(index));
  EXPECT_TRUE(data.ok()) << data.status();
  return *std::move(data);
}

TEST(TrainingSourceTest, MixesNoiseByTheTimestepsSigma) {
  const MicrobatchData data = Load(Make(RandomOptions()), RandomPlan(3, 4), 1);
  EXPECT_EQ(data.inputs.latents.sizes(), at::IntArrayRef(kLatents));
  EXPECT_EQ(data.inputs.context.sizes(), (std::vector<int64_t>{1, 512, 8}));
  EXPECT_EQ(data.inputs.y.size(1), 2);
  EXPECT_DOUBLE_EQ(data.gradient_share, 0.25);
  EXPECT_EQ(data.inputs.timestep.scalar_type(), at::kFloat);
  const double sigma = data.inputs.timestep.item<double>() / 1000.0;
  EXPECT_GT(sigma, 0.0);
  const at::Tensor expected = data.latents * (1.0 - sigma) + data.noise * sigma;
  EXPECT_TRUE(at::allclose(data.inputs.latents, expected, 1e-5, 1e-6));
  EXPECT_TRUE(data.target.equal(data.noise - data.latents));
  EXPECT_EQ(data.given_frames, 0);
}

TEST(TrainingSourceTest, SameKeySameBitsAnotherKeyOtherNoise) {
  const StepPlan plan = RandomPlan(3, 2);
  const MicrobatchData data = Load(Make(RandomOptions()), plan, 1);
  const MicrobatchData again = Load(Make(RandomOptions()), plan, 1);
  EXPECT_TRUE(data.inputs.latents.equal(again.inputs.latents));
  EXPECT_TRUE(data.inputs.context.equal(again.inputs.context));
  EXPECT_TRUE(data.inputs.timestep.equal(again.inputs.timestep));
  const MicrobatchData other = Load(Make(RandomOptions()), plan, 0);
  EXPECT_FALSE(data.noise.equal(other.noise));
  EXPECT_FALSE(data.latents.equal(other.latents));
  // The same sample in another step is the same clip under other noise.
  const MicrobatchData later = Load(Make(RandomOptions()), RandomPlan(4, 2), 1);
  EXPECT_TRUE(data.latents.equal(later.latents));
  EXPECT_FALSE(data.noise.equal(later.noise));
  TrainingSourceOptions seeded = RandomOptions();
  seeded.seed = 12;
  EXPECT_FALSE(data.noise.equal(Load(Make(seeded), plan, 1).noise));
}

TEST(TrainingSourceTest, AGivenFirstFrameStaysClean) {
  TrainingSourceOptions options = RandomOptions();
  options.first_frame_given = true;
  const MicrobatchData data = Load(Make(options), RandomPlan(0, 1), 0);
  EXPECT_TRUE(data.inputs.first_frame_given);
  EXPECT_EQ(data.given_frames, 1);
  EXPECT_TRUE(
      data.inputs.latents.narrow(2, 0, 1).equal(data.latents.narrow(2, 0, 1)));
  EXPECT_FALSE(
      data.inputs.latents.narrow(2, 1, 2).equal(data.latents.narrow(2, 1, 2)));
}

// Writes one cached sample whose context is all ones.
StepPlan CachedPlan(const ScratchFolder& folder, int steps_from) {
  LatentSample sample;
  sample.latents = at::full(kLatents, 2.0, at::kFloat);
  EXPECT_TRUE(WriteLatentSample(folder / "latents.safetensors", sample).ok());
  EXPECT_TRUE(
      WriteContext(folder / "context.safetensors", at::ones({1, 512, 8}), 4)
          .ok());
  EXPECT_TRUE(
      WriteContext(folder / "empty.safetensors", at::zeros({1, 512, 8}), 1)
          .ok());
  StepPlan plan;
  plan.step = Step(steps_from);
  plan.microbatches.push_back({.latents_path = folder / "latents.safetensors",
                               .context_path = folder / "context.safetensors"});
  return plan;
}

TEST(TrainingSourceTest, CachedSamplesAreRead) {
  ScratchFolder folder;
  const MicrobatchData data =
      Load(Make(RandomOptions()), CachedPlan(folder, 0), 0);
  EXPECT_EQ(data.latents.min().item<float>(), 2.0F);
  EXPECT_FALSE(data.inputs.y.defined());
  EXPECT_EQ(data.inputs.context.sum().item<float>(), 32.0F);
  StepPlan missing = CachedPlan(folder, 0);
  missing.microbatches[0].latents_path = folder / "none.safetensors";
  TrainingSource source = Make(RandomOptions());
  EXPECT_TRUE(absl::IsNotFound(source.Load(missing, Microbatch(0)).status()));
}

TEST(TrainingSourceTest, CaptionsAreDroppedAsOftenAsAsked) {
  ScratchFolder folder;
  TrainingSourceOptions options = RandomOptions();
  options.caption_dropout = 0.25;
  options.empty_context_path = folder / "empty.safetensors";
  int dropped = 0;
  StepPlan plan = CachedPlan(folder, 0);
  TrainingSource source = Make(options);
  for (int step = 0; step < 200; ++step) {
    plan.step = Step(step);
    auto data = source.Load(plan, Microbatch(0));
    ASSERT_TRUE(data.ok()) << data.status();
    if (data->inputs.context.sum().item<float>() == 0.0F) ++dropped;
  }
  EXPECT_GT(dropped, 30);
  EXPECT_LT(dropped, 70);
}

// Neither step nor place in the step counts, nor the training's seed.
TEST(TrainingSourceTest, WhatIsFixedIsNotDrawn) {
  ScratchFolder folder;
  TrainingSourceOptions options = RandomOptions();
  options.evaluation_seed = 3;
  options.caption_dropout = 1.0;
  options.empty_context_path = folder / "empty.safetensors";
  const auto load = [&](int step, const TrainingSourceOptions& with,
                        const FixedDraw& fixed) {
    StepPlan plan = CachedPlan(folder, step);
    plan.evaluation = true;
    plan.microbatches.insert(plan.microbatches.begin(),
                             static_cast<size_t>(step), plan.microbatches[0]);
    plan.microbatches.back().fixed = fixed;
    return Load(Make(with), plan, step);
  };
  const FixedDraw fixed = {"a band 0", 0.5};
  const MicrobatchData data = load(1, options, fixed);
  EXPECT_EQ(data.inputs.context.sum().item<float>(), 32.0F);
  const auto schedule = FlowMatchSchedule::Create(TimestepConfig());
  ASSERT_TRUE(schedule.ok());
  EXPECT_EQ(data.inputs.timestep.item<float>(), schedule->At(0.5F).timestep);
  EXPECT_EQ(static_cast<float>(data.loss_weight), schedule->At(0.5F).weight);
  TrainingSourceOptions seeded = options;
  seeded.seed = 99;
  EXPECT_TRUE(load(4, seeded, fixed).noise.equal(data.noise));
  EXPECT_FALSE(load(1, options, {"a band 1", 0.5}).noise.equal(data.noise));
  TrainingSourceOptions other = options;
  other.evaluation_seed = 4;
  EXPECT_FALSE(load(1, other, fixed).noise.equal(data.noise));
}

}  // namespace
}  // namespace halfpipe
