#include "common/model/architecture.h"

#include <gtest/gtest.h>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

int64_t Parameters(const WanArchitecture& wan) {
  int64_t count = 0;
  for (const auto& [name, shape] : WanTensors(wan)) {
    count += ElementCount(shape);
  }
  return count;
}

// Tensor and parameter counts of the published files.
TEST(ArchitectureTest, PublishedModelsHaveTheirCounts) {
  EXPECT_EQ(WanTensors(A14B(16)).size(), 1095u);
  EXPECT_EQ(Parameters(A14B(16)), 14288491584);  // T2V-A14B, T2V-14B
  EXPECT_EQ(WanTensors(A14B(36)).size(), 1095u);
  EXPECT_EQ(Parameters(A14B(36)), 14288901184);  // I2V-A14B

  WanArchitecture i2v = A14B(36);
  i2v.image_dim = 1280;
  EXPECT_EQ(WanTensors(i2v).size(), 1303u);
  EXPECT_EQ(Parameters(i2v), 16394878784);  // Wan2.1 I2V-14B
  i2v.image_positions = 514;
  EXPECT_EQ(WanTensors(i2v).size(), 1304u);
  EXPECT_EQ(Parameters(i2v), 16395536704);  // FLF2V-14B

  WanArchitecture small = A14B(16);
  small.dim = 1536;
  small.ffn_dim = 8960;
  small.heads = 12;
  small.layers = 30;
  EXPECT_EQ(Parameters(small), 1418996800);  // T2V-1.3B

  WanArchitecture ti2v = small;
  ti2v.dim = 3072;
  ti2v.ffn_dim = 14336;
  ti2v.heads = 24;
  ti2v.in_channels = ti2v.out_channels = 48;
  EXPECT_EQ(Parameters(ti2v), 4999787712);  // TI2V-5B
  EXPECT_TRUE(ti2v.has_frame_timesteps());
}

TEST(ArchitectureTest, DescribesTheVariant) {
  EXPECT_EQ(A14B(16).Description(), "T2V");
  EXPECT_EQ(A14B(36).Description(), "I2V (20 condition channels)");
  WanArchitecture i2v = A14B(36);
  i2v.image_dim = 1280;
  EXPECT_EQ(i2v.Description(), "I2V (20 condition channels), image branch");
  EXPECT_EQ(i2v.head_dim(), 128);
  EXPECT_EQ(i2v.condition_channels(), 20);
}

}  // namespace
}  // namespace halfpipe
