#include "common/model/model_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/model/known_variants.h"
#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ModelTextTest, SaysWhatAModelIs) {
  const std::string text = ModelText(A14B(36));
  for (const char* line : {
           "variant:     I2V (20 condition channels)\n",
           "width:       5120, 40 heads of 128, feed-forward 13824\n",
           "blocks:      40 of 351.4 million parameters\n",
           "parameters:  14289 million\n",
           "latents:     16 channels, a cell is 4 frames of 8 x 8 pixels "
           "(Wan2.1_VAE)\n",
           "clips:       4k+1 frames, 16 a second; height a multiple of 16, "
           "width of 16\n",
           "text:        512 tokens of 4096\n",
           "inputs:      latents (B, 16, T, H, W): the clip, with noise\n",
           "             y (B, 20, T, H, W): a mask and the first frame's "
           "latents\n",
           "split:       x (B, L, 5120), compute dtype, gradient comes back\n",
           "             t_mod (B, G, 6, 5120), float32\n",
           "             ffn.0 5120 -> 13824\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("modules:")));
}

TEST(ModelTextTest, AnotherLatentGridHasOtherMultiples) {
  const std::string text = ModelText(KnownModel("ti2v-5b", 0).value());
  EXPECT_THAT(text, HasSubstr("48 channels, a cell is 4 frames of 16 x 16"));
  EXPECT_THAT(text, HasSubstr("24 a second; height a multiple of 32"));
}

TEST(ModelTextTest, AVariantsPartsAreNamed) {
  ModelSpec model = A14B(16);
  model.variant = "made up";
  model.extra_inputs = {{"sound", {{Axis::kBatch}, Fixed(8)}, "a sound"}};
  model.extra_split = {
      {.name = "sound_rows", .shape = {{Axis::kBatch}, Fixed(5120)}}};
  model.extra_modules = {{.kind = "gain",
                          .prefix = "gain.0.",
                          .after_block = 1,
                          .tensors = {{"proj.weight", {5120, 5120}}},
                          .linears = {"proj"}}};
  const std::string text = ModelText(model);
  EXPECT_THAT(text, HasSubstr("variant:     made up, T2V\n"));
  EXPECT_THAT(text, HasSubstr("sound (B, 8): a sound\n"));
  EXPECT_THAT(text, HasSubstr("sound_rows (B, 5120), compute dtype\n"));
  EXPECT_THAT(text, HasSubstr("gain.0.proj 5120 -> 5120\n"));
  EXPECT_THAT(text, HasSubstr("modules:     gain.0. (gain) after block 1\n"));
  EXPECT_EQ(ModelJson(model)["modules"][0]["after_block"], 1);
}

TEST(ModelTextTest, ProgramsReadTheSame) {
  const nlohmann::json json = ModelJson(A14B(16));
  EXPECT_EQ(json["blocks"], 40);
  EXPECT_EQ(json["text_tokens"], 512);
  EXPECT_EQ(json["latents"]["spatial_stride"], 8);
  EXPECT_EQ(json["parameters"], 14288491584);
  EXPECT_EQ(json["split"][0]["name"], "x");
  EXPECT_EQ(json["split"][2]["shape"], "(B, G, 6, 5120)");
  EXPECT_EQ(json["layers"].size(), 400u);
  EXPECT_TRUE(json["modules"].empty());
}

}  // namespace
}  // namespace halfpipe
