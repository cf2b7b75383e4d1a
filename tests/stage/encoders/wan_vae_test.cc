#include "stage/encoders/wan_vae.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "stage/encoders/golden_file.h"
#include "stage/encoders/vae_statistics.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr double kTolerance = 1e-5;  // the contract allows 1e-4

// "vae21": native names; "vae22": diffusers' names.
class WanVaeFileTest : public ::testing::TestWithParam<const char*> {};

TEST_P(WanVaeFileTest, EqualsDiffusers) {
  const std::string tag = GetParam();
  const auto archive = OpenGolden(tag + ".safetensors");
  const auto vae = WanVae::Load(*archive, at::kCPU, at::kFloat);
  ASSERT_TRUE(vae.ok()) << vae.status();
  const auto expected = OpenGolden(tag + "_expected.safetensors");
  const auto video = PixelsToVideo(GoldenTensor(*expected, "frames"));
  ASSERT_TRUE(video.ok()) << video.status();
  for (int64_t frames : {1, 5, 9}) {
    SCOPED_TRACE(frames);
    const auto latents = vae->Encode(video->narrow(2, 0, frames));
    ASSERT_TRUE(latents.ok()) << latents.status();
    EXPECT_LT(
        RelativeError(*latents, GoldenTensor(*expected,
                                             absl::StrCat("latents.", frames))),
        kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(BothVaes, WanVaeFileTest,
                         ::testing::Values("vae21", "vae22"));

TEST(WanVaeTest, ReportsItsFactors) {
  const auto small =
      WanVae::Load(*OpenGolden("vae21.safetensors"), at::kCPU, at::kFloat);
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_EQ(small->latent_channels(), 16);
  EXPECT_EQ(small->time_factor(), 4);
  EXPECT_EQ(small->space_factor(), 8);
  const auto large =
      WanVae::Load(*OpenGolden("vae22.safetensors"), at::kCPU, at::kFloat);
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(large->latent_channels(), 48);
  EXPECT_EQ(large->time_factor(), 4);
  EXPECT_EQ(large->space_factor(), 16);
}

TEST(WanVaeTest, ReadsNamesWithModelPrefix) {
  const auto golden = OpenGolden("vae21.safetensors");
  FakeTensorArchive prefixed;
  for (const auto& [name, tensor] : golden->tensors()) {
    prefixed.Add("model." + name, tensor.dtype, tensor.shape);
    prefixed.Fill("model." + name, GoldenTensor(*golden, name).data_ptr());
  }
  const auto plain = WanVae::Load(*golden, at::kCPU, at::kFloat);
  const auto vae = WanVae::Load(prefixed, at::kCPU, at::kFloat);
  ASSERT_TRUE(vae.ok()) << vae.status();
  const at::Tensor video = at::zeros({1, 3, 5, 8, 16});
  EXPECT_TRUE(at::equal(*vae->Encode(video), *plain->Encode(video)));
}

TEST(WanVaeTest, ComputesInBf16) {
  const auto vae =
      WanVae::Load(*OpenGolden("vae21.safetensors"), at::kCPU, at::kBFloat16);
  ASSERT_TRUE(vae.ok()) << vae.status();
  const auto expected = OpenGolden("vae21_expected.safetensors");
  const auto video = PixelsToVideo(GoldenTensor(*expected, "frames"));
  const auto latents = vae->Encode(*video);
  ASSERT_TRUE(latents.ok()) << latents.status();
  EXPECT_EQ(latents->scalar_type(), at::kBFloat16);
  const double error =
      RelativeError(*latents, GoldenTensor(*expected, "latents.9"));
  EXPECT_LT(error, 5e-2);
  EXPECT_GT(error, 1e-5);  // or it did not compute in bf16
}

TEST(WanVaeTest, RefusesVideosThatWouldLoseFramesOrPixels) {
  const auto vae =
      WanVae::Load(*OpenGolden("vae21.safetensors"), at::kCPU, at::kFloat);
  ASSERT_TRUE(vae.ok()) << vae.status();
  for (const Shape& shape :
       {Shape{1, 3, 4, 16, 16}, Shape{1, 3, 5, 12, 16}, Shape{2, 3, 5, 16, 16},
        Shape{1, 4, 5, 16, 16}, Shape{3, 5, 16, 16}, Shape{1, 3, 5, 0, 16}}) {
    const absl::Status status = vae->Encode(at::zeros(shape)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << ShapeString(shape);
    EXPECT_THAT(std::string(status.message()), HasSubstr(ShapeString(shape)));
  }
}

TEST(WanVaeTest, NamesWhatIsWrongInACheckpoint) {
  FakeTensorArchive archive;
  archive.Copy(*OpenGolden("vae21.safetensors"));
  archive.Add("encoder.middle.1.proj.weight", DType::kF8E4M3, {12, 12, 1, 1});
  const absl::Status fp8 = WanVae::Load(archive, at::kCPU, at::kFloat).status();
  EXPECT_EQ(fp8.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(fp8.message()), HasSubstr("F8_E4M3"));
  archive.Remove("encoder.middle.1.proj.weight");
  const absl::Status missing =
      WanVae::Load(archive, at::kCPU, at::kFloat).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("'encoder.middle.1.proj.weight'"));
}

TEST(WanVaeTest, RefusesLatentsWithoutPublishedStatistics) {
  FakeTensorArchive archive;
  archive.Copy(*OpenGolden("vae21.safetensors"));
  archive.Add("conv1.weight", DType::kF32, {20, 32, 1, 1, 1});
  archive.Add("conv1.bias", DType::kF32, {20});
  EXPECT_EQ(WanVae::Load(archive, at::kCPU, at::kFloat).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PixelsToVideoTest, MapsBytesToMinusOneToOne) {
  at::Tensor frames = at::zeros({2, 1, 2, 3}, at::kByte);
  frames[1][0][1][2] = 255;
  frames[0][0][0][1] = 51;
  const auto video = PixelsToVideo(frames);
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->sizes(), at::IntArrayRef({1, 3, 2, 1, 2}));
  EXPECT_FLOAT_EQ((*video)[0][2][1][0][1].item<float>(), 1.0F);
  EXPECT_FLOAT_EQ((*video)[0][1][0][0][0].item<float>(), -0.6F);
  EXPECT_FLOAT_EQ((*video)[0][0][0][0][0].item<float>(), -1.0F);
  EXPECT_EQ(PixelsToVideo(frames.to(at::kFloat)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(VaeStatisticsTest, OnlyForThePublishedVaes) {
  EXPECT_EQ(PublishedStatistics(16).mean.size(), 16);
  EXPECT_EQ(PublishedStatistics(48).std.size(), 48);
  EXPECT_TRUE(PublishedStatistics(4).mean.empty());
}

}  // namespace
}  // namespace halfpipe
