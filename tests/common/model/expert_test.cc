#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/model/checkpoint.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ExpertTest, NamesThatPeopleHave) {
  for (const char* path :
       {"/wan/high_noise_model", "/wan/high_noise_model/",
        "high_noise_model/diffusion_pytorch_model-00001-of-00006.safetensors",
        "wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors",
        "Wan2_2-I2V-A14B-HIGH_fp8_e4m3fn_scaled_KJ.safetensors",
        "/low_noise/wan2.2-highnoise.safetensors"}) {
    EXPECT_EQ(ExpertOfPath(path), WanExpert::kHighNoise) << path;
  }
  for (const char* path :
       {"/wan/low_noise_model", "wan2.2_i2v_low-noise_14B.safetensors",
        "/w/Wan2_2-T2V-A14B_LOW_bf16.safetensors"}) {
    EXPECT_EQ(ExpertOfPath(path), WanExpert::kLowNoise) << path;
  }
  for (const char* path : {"", "/", "wan.safetensors", "/wan/transformer",
                           "low_vram/wan-high-quality.safetensors",
                           "high_noise_low_noise_merged.safetensors",
                           "/high_noise/checkpoints/wan/model.safetensors"}) {
    EXPECT_EQ(ExpertOfPath(path), WanExpert::kUnknown) << path;
  }
}

TEST(ExpertTest, AModelIsOneExpert) {
  EXPECT_EQ(CheckIsOneExpert({}), absl::OkStatus());
  EXPECT_EQ(CheckIsOneExpert({"/high_noise_model/a", "/high_noise_model/b"}),
            absl::OkStatus());
  const absl::Status mixed =
      CheckIsOneExpert({"/m/wan-high_noise-1", "/m/wan-low_noise-2"});
  EXPECT_TRUE(absl::IsInvalidArgument(mixed)) << mixed;
  EXPECT_THAT(std::string(mixed.message()),
              AllOf(HasSubstr("wan-high_noise-1 is"),
                    HasSubstr("wan-low_noise-2 of the low-noise one")));
}

TEST(ExpertTest, LinksAreWhatTheyLeadTo) {
  const ScratchFolder scratch;
  std::filesystem::create_symlink("/w/high_noise_model/m-1", scratch / "m-1");
  std::filesystem::create_symlink("/w/low_noise_model/m-2", scratch / "m-2");
  std::filesystem::create_symlink("../blobs/4d7a", scratch / "m-3");
  EXPECT_EQ(CheckIsOneExpert({scratch / "m-1", scratch / "m-3"}),
            absl::OkStatus());
  EXPECT_TRUE(absl::IsInvalidArgument(
      CheckIsOneExpert({scratch / "m-1", scratch / "m-2"})));
}

}  // namespace
}  // namespace halfpipe
