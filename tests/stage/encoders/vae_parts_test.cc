// The parts of the VAE that a comparison of whole latents could miss.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "stage/encoders/encoder_names.h"
#include "stage/encoders/golden_file.h"
#include "stage/encoders/vae_attention.h"
#include "stage/encoders/vae_causal_conv.h"
#include "stage/encoders/vae_downsample.h"
#include "stage/encoders/vae_encoder.h"
#include "stage/encoders/vae_residual_block.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {
namespace {

class VaePartsTest : public ::testing::Test {
 protected:
  std::unique_ptr<TensorArchive> archive_ = OpenGolden("vae21.safetensors");
  WeightLoader weights_{*archive_, NativeVaeNames(*archive_), at::kCPU,
                        at::kFloat};
};

// Attention mixes positions of a frame, never frames.
TEST_F(VaePartsTest, AttentionSeesOneFrameAtATime) {
  const auto attention = VaeAttention::Load(weights_, "encoder.middle.1", 12);
  ASSERT_TRUE(attention.ok()) << attention.status();
  const at::Tensor x =
      at::arange(12 * 2 * 3 * 5, at::kFloat).sin().view({1, 12, 2, 3, 5});
  const at::Tensor both = attention->Forward(x);
  const at::Tensor second = attention->Forward(x.narrow(2, 1, 1));
  EXPECT_LT(RelativeError(both.narrow(2, 1, 1), second), 1e-6);
  EXPECT_GT(RelativeError(both, x), 1e-3);  // it does something
}

TEST_F(VaePartsTest, ResidualBlockProjectsWhereChannelsChange) {
  const auto same =
      VaeResidualBlock::Load(weights_, "encoder.downsamples.0", 3);
  const auto wider =
      VaeResidualBlock::Load(weights_, "encoder.downsamples.3", 3);
  ASSERT_TRUE(same.ok() && wider.ok());
  EXPECT_EQ(same->out_channels(), 3);
  EXPECT_EQ(wider->out_channels(), 6);
  // The file is for 3 channels, not 4.
  EXPECT_EQ(VaeResidualBlock::Load(weights_, "encoder.downsamples.0", 4)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(VaePartsTest, EncoderReadsItsWiringFromTheNames) {
  const auto net = VaeEncoder::Load(weights_);
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(net->in_channels(), 3);
  EXPECT_EQ(net->out_channels(), 32);
  EXPECT_EQ(net->time_factor(), 4);
  EXPECT_EQ(net->space_factor(), 8);
}

// Chunks of any size give what the whole sequence gives.
TEST(CausalConv3dTest, ChunksEqualTheWholeSequence) {
  const auto archive = OpenGolden("vae21.safetensors");
  const WeightLoader weights(*archive, NativeVaeNames(*archive), at::kCPU,
                             at::kFloat);
  const auto conv = CausalConv3d::Load(weights, "encoder.conv1", 3, 3);
  ASSERT_TRUE(conv.ok()) << conv.status();
  const at::Tensor video =
      at::arange(3 * 7 * 4 * 4, at::kFloat).sin().view({1, 3, 7, 4, 4});
  FeatureCache whole_cache;
  const at::Tensor whole = conv->Forward(video, whole_cache);
  FeatureCache cache;
  at::Tensor chunks;
  for (int64_t begin = 0, size = 1; begin < 7; begin += size, ++size) {
    cache.BeginChunk();
    const int64_t count = std::min(size, 7 - begin);
    const at::Tensor part = conv->Forward(video.narrow(2, begin, count), cache);
    chunks = chunks.defined() ? at::cat({chunks, part}, 2) : part;
  }
  EXPECT_LT(RelativeError(chunks, whole), 1e-6);
}

TEST(AverageDownTest, PadsTimeInFrontAndAveragesGroups) {
  // One channel, one frame of 2x2 pixels: the frame before it is zero.
  const at::Tensor x = at::arange(1, 5, at::kFloat).view({1, 1, 1, 2, 2});
  const at::Tensor two = AverageDown(x, 2, 2, 2);
  EXPECT_EQ(two.sizes(), at::IntArrayRef({1, 2, 1, 1, 1}));
  EXPECT_FLOAT_EQ(two[0][0].item<float>(), 0.0F);
  EXPECT_FLOAT_EQ(two[0][1].item<float>(), 2.5F);
  const at::Tensor same = AverageDown(x, 1, 1, 1);
  EXPECT_TRUE(at::equal(same, x));
}

TEST(ChannelRmsNormTest, SurvivesAnAllZeroPosition) {
  const at::Tensor x = at::zeros({1, 4, 1, 1, 1});
  const at::Tensor gamma = at::zeros({4, 1, 1, 1}).fill_(1.0);
  EXPECT_TRUE(at::equal(ChannelRmsNorm(x, gamma), x));
}

}  // namespace
}  // namespace halfpipe
