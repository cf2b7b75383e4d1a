#include "stage/encoders/conditioning.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "absl/status/status.h"
#include "stage/encoders/golden_file.h"

namespace halfpipe {
namespace {

TEST(ConditioningTest, EqualsTheReference) {
  const auto vae =
      WanVae::Load(*OpenGolden("vae21.safetensors"), at::kCPU, at::kFloat);
  ASSERT_TRUE(vae.ok()) << vae.status();
  const auto expected = OpenGolden("vae21_expected.safetensors");
  const auto video = PixelsToVideo(GoldenTensor(*expected, "frames"));
  ASSERT_TRUE(video.ok()) << video.status();
  for (const bool last_given : {false, true}) {
    const auto y = EncodeGivenFrames(*vae, *video, last_given);
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ(y->sizes(), at::IntArrayRef({1, 20, 3, 2, 3}));
    EXPECT_LT(
        RelativeError(*y, GoldenTensor(*expected, last_given ? "y.first_last"
                                                             : "y.first")),
        1e-5);
  }
}

TEST(ConditioningTest, MaskOfALastFrameIsOneChannel) {
  const at::Tensor mask = GivenFramesMask(9, 1, 1, true).view({4, 3});
  for (int64_t channel = 0; channel < 4; ++channel) {
    EXPECT_EQ(mask[channel][0].item<float>(), 1.0F);
    EXPECT_EQ(mask[channel][1].item<float>(), 0.0F);
    EXPECT_EQ(mask[channel][2].item<float>(), channel == 3 ? 1.0F : 0.0F);
  }
  EXPECT_EQ(GivenFramesMask(1, 2, 2, false).sum().item<float>(), 16.0F);
}

TEST(ConditioningTest, RefusesFramesThatDoNotFillLatents) {
  const auto vae =
      WanVae::Load(*OpenGolden("vae21.safetensors"), at::kCPU, at::kFloat);
  ASSERT_TRUE(vae.ok()) << vae.status();
  EXPECT_EQ(
      EncodeGivenFrames(*vae, at::zeros({1, 3, 8, 16, 16})).status().code(),
      absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace halfpipe
