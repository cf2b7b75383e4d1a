#include "stage/job/step_record.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "common/store/scratch_folder.h"
#include "stage/train/sample_store.h"

namespace halfpipe {
namespace {

std::map<std::string, at::Tensor> Read(const std::string& path) {
  auto tensors = ReadTensorFile(path);
  EXPECT_TRUE(tensors.ok()) << tensors.status();
  return tensors.ok() ? *std::move(tensors)
                      : std::map<std::string, at::Tensor>();
}

TEST(StepRecordTest, AMicrobatchIsWhatItWasMadeOf) {
  ScratchFolder folder;
  at::manual_seed(1);
  StepPlan plan;
  plan.step = Step(12);
  plan.record_dir = folder / "made/for/it";
  MicrobatchData data;
  data.latents = at::randn({1, 4, 2, 4, 6});
  data.noise = at::randn({1, 4, 2, 4, 6});
  data.target = data.noise - data.latents;
  data.inputs.timestep = at::full({1}, 750.0, at::kFloat);
  data.inputs.context = at::randn({1, 3, 8});
  data.loss_weight = 0.5;
  MicrobatchRecord record{.plan = &plan,
                          .microbatch = Microbatch(3),
                          .data = &data,
                          .prediction = data.target,
                          .loss = at::full({}, 3.0, at::kFloat)};
  ASSERT_TRUE(RecordMicrobatch(record).ok());
  const std::string path = plan.record_dir + "/step-12-mb-3.safetensors";
  auto tensors = Read(path);
  EXPECT_TRUE(tensors["latents"].equal(data.latents));
  EXPECT_TRUE(tensors["noise"].equal(data.noise));
  EXPECT_TRUE(tensors["target"].equal(data.target));
  EXPECT_TRUE(tensors["timestep"].equal(data.inputs.timestep));
  EXPECT_TRUE(tensors["context"].equal(data.inputs.context));
  EXPECT_EQ(tensors["weight"].item<float>(), 0.5F);
  EXPECT_EQ(tensors["loss"].item<float>(), 1.5F);  // weighted
  EXPECT_EQ(tensors.count("y"), 0u);

  data.inputs.y = at::randn({1, 20, 2, 4, 6});
  data.inputs.clip_feature = at::randn({1, 257, 8});
  ASSERT_TRUE(RecordMicrobatch(record).ok());
  tensors = Read(path);
  EXPECT_TRUE(tensors["y"].equal(data.inputs.y));
  EXPECT_TRUE(tensors["clip_feature"].equal(data.inputs.clip_feature));
}

TEST(StepRecordTest, AStageWritesItsWeightsAndGradients) {
  ScratchFolder folder;
  LoraAdapter adapter = MakeLoraAdapter(
      "blocks.5.ffn.2", 4, 3, /*rank=*/2, 1.0, at::kCPU,
      [](absl::string_view, at::Tensor out) { out.fill_(0.7); });
  adapter.b.grad.fill_(2.0);
  StepPlan plan;
  plan.step = Step(0);
  plan.record_dir = folder.path();
  ASSERT_TRUE(RecordGradients(plan, Rank(1), {&adapter}).ok());
  auto tensors = Read(folder / "step-0-stage-1.safetensors");
  ASSERT_EQ(tensors.size(), 4u);
  const std::string module = "blocks.5.ffn.2";
  // The fp32 masters, not the copies that the products read.
  EXPECT_TRUE(tensors["lora." + module + ".lora_A.default.weight"].equal(
      adapter.a.master));
  EXPECT_TRUE(tensors["grad." + module + ".lora_B.default.weight"].equal(
      adapter.b.grad));
}

}  // namespace
}  // namespace halfpipe
