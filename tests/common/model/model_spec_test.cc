#include "common/model/model_spec.h"

#include <gtest/gtest.h>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

int64_t Parameters(const ModelSpec& wan) {
  int64_t count = 0;
  for (const auto& [name, shape] : WanTensors(wan)) {
    count += ElementCount(shape);
  }
  return count;
}

// Tensor and parameter counts of the published files.
TEST(ModelSpecTest, PublishedModelsHaveTheirCounts) {
  EXPECT_EQ(WanTensors(A14B(16)).size(), 1095u);
  EXPECT_EQ(Parameters(A14B(16)), 14288491584);  // T2V-A14B, T2V-14B
  EXPECT_EQ(WanTensors(A14B(36)).size(), 1095u);
  EXPECT_EQ(Parameters(A14B(36)), 14288901184);  // I2V-A14B

  ModelSpec i2v = A14B(36);
  i2v.image_dim = 1280;
  EXPECT_EQ(WanTensors(i2v).size(), 1303u);
  EXPECT_EQ(Parameters(i2v), 16394878784);  // Wan2.1 I2V-14B
  i2v.image_positions = 514;
  EXPECT_EQ(WanTensors(i2v).size(), 1304u);
  EXPECT_EQ(Parameters(i2v), 16395536704);  // FLF2V-14B

  ModelSpec small = A14B(16);
  small.dim = 1536;
  small.ffn_dim = 8960;
  small.heads = 12;
  small.layers = 30;
  EXPECT_EQ(Parameters(small), 1418996800);  // T2V-1.3B

  ModelSpec ti2v = small;
  ti2v.dim = 3072;
  ti2v.ffn_dim = 14336;
  ti2v.heads = 24;
  ti2v.in_channels = ti2v.out_channels = 48;
  EXPECT_EQ(Parameters(ti2v), 4999787712);  // TI2V-5B
  EXPECT_TRUE(ti2v.has_frame_timesteps());
}

TEST(ModelSpecTest, DescribesTheVariant) {
  EXPECT_EQ(A14B(16).Description(), "T2V");
  EXPECT_EQ(A14B(36).Description(), "I2V (20 condition channels)");
  ModelSpec i2v = A14B(36);
  i2v.image_dim = 1280;
  EXPECT_EQ(i2v.Description(), "I2V (20 condition channels), image branch");
  EXPECT_EQ(i2v.head_dim(), 128);
  EXPECT_EQ(i2v.condition_channels(), 20);
}

TEST(ModelSpecTest, OnlyTheLatentsTellOneGridFromAnother) {
  EXPECT_EQ(A14B(36).height_unit(), 16);
  EXPECT_TRUE(A14B(36).takes_first_frame());
  EXPECT_FALSE(A14B(16).takes_first_frame());
  EXPECT_EQ(A14B(16).context_tokens(), 512);
  ModelSpec ti2v = A14B(16);
  ti2v.in_channels = ti2v.out_channels = 48;
  EXPECT_EQ(ti2v.width_unit(), 32);
  EXPECT_EQ(ti2v.latents().frames_per_second, 24.0);
  EXPECT_EQ(ClipFrames(LatentFrames(82)), 81);
}

// TinyWan with a module behind its first block.
ModelSpec WithModule() {
  ModelSpec model = TinyWan();
  model.variant = "Made up";
  model.extra_embeddings = {{"sound.weight", {12, 5}}};
  model.extra_modules = {
      {.kind = "gain",
       .prefix = "gain.0.",
       .after_block = 0,
       .tensors = {{"proj.weight", {12, 24}}, {"proj.bias", {12}}},
       .linears = {"proj"}}};
  return model;
}

TEST(ModelSpecTest, AVariantsTensorsAreTheModels) {
  const ModelSpec model = WithModule();
  const auto tensors = WanTensors(model);
  EXPECT_EQ(tensors.size(), WanTensors(TinyWan()).size() + 3);
  EXPECT_EQ(tensors.at("gain.0.proj.weight"), (Shape{12, 24}));
  EXPECT_EQ(model.Description(), "Made up, T2V");
  const BlockParameters parameters = BlockParametersOf(model);
  EXPECT_EQ(parameters.extra_matrices, 12 * 24 / 2);  // over two blocks
  EXPECT_EQ(parameters.extra_rest, 12 / 2);
  EXPECT_EQ(parameters.matrices, BlockParametersOf(TinyWan()).matrices);
}

TEST(ModelSpecTest, AModuleBelongsToTheBlockBeforeIt) {
  const ModelSpec model = WithModule();
  EXPECT_EQ(LinearsOfBlock(model, 0).back(), "gain.0.proj");
  EXPECT_EQ(LinearsOfBlock(model, 1).back(), "blocks.1.ffn.2");
  EXPECT_EQ(BlockOf(model, "gain.0.proj.weight"), 0);
  EXPECT_EQ(BlockOf(model, "blocks.1.ffn.0"), 1);
  EXPECT_EQ(BlockOf(model, "sound.weight"), std::nullopt);
  EXPECT_EQ(BlockOf(model, "head.head.weight"), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
