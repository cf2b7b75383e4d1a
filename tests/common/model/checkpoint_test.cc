#include "common/model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

using testing::HasSubstr;

// A copy of a golden model with `config` as its config.json.
std::string ModelWithConfig(const std::string& config) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "wan_checkpoint_test";
  std::filesystem::remove_all(folder);
  std::filesystem::copy("tests/golden/t2v_native/model", folder);
  std::ofstream(folder / "config.json") << config;
  return folder.string();
}

std::string Refusal(const std::string& config) {
  const auto checkpoint = OpenWanCheckpoint(ModelWithConfig(config));
  EXPECT_EQ(checkpoint.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(checkpoint.status().message());
}

TEST(CheckpointTest, TakesHeadsFromTheConfigBesideAFolderOrAFile) {
  const std::string folder = ModelWithConfig(
      R"({"num_attention_heads": 2, "attention_head_dim": 12})");
  for (const char* file : {"", "/diffusion_pytorch_model.safetensors"}) {
    auto checkpoint = OpenWanCheckpoint(folder + file);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ(checkpoint->variant.spec.heads, 2);
    EXPECT_EQ(checkpoint->variant.spec.layers, 3);
  }
}

TEST(CheckpointTest, TakesHeadsFromTheOriginalReleasesConfig) {
  auto checkpoint = OpenWanCheckpoint(
      ModelWithConfig(R"({"model_type": "t2v", "dim": 24, "num_heads": 2})"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->variant.spec.heads, 2);
  EXPECT_THAT(Refusal(R"({"dim": 24, "num_heads": 7})"),
              HasSubstr("dim 24 is not a multiple of num_heads 7"));
}

// Without its last blocks a model is one of fewer blocks, by its tensors.
TEST(CheckpointTest, HasAsManyBlocksAsTheConfigSays) {
  for (const char* heads : {R"("num_attention_heads": 2,
                               "attention_head_dim": 12)",
                            R"("dim": 24, "num_heads": 2)"}) {
    const auto with = [&](const char* layers) {
      return absl::StrCat("{", heads, ", \"num_layers\": ", layers, "}");
    };
    EXPECT_TRUE(OpenWanCheckpoint(ModelWithConfig(with("3"))).ok());
    EXPECT_THAT(Refusal(with("4")),
                testing::AllOf(HasSubstr("there are 3 blocks, but "),
                               HasSubstr("config.json says num_layers 4;")));
    EXPECT_THAT(Refusal(with("2")), HasSubstr("says num_layers 2;"));
    EXPECT_THAT(Refusal(with("\"3\"")),
                HasSubstr("num_layers: expected a positive whole number"));
  }
}

TEST(CheckpointTest, AConfigThatSpeaksOfQuantisedWeightsIsBelieved) {
  EXPECT_THAT(
      Refusal(R"({"num_attention_heads": 2, "attention_head_dim": 12,
                          "quantization_config":
                              {"quant_method": "bitsandbytes"}})"),
      testing::AllOf(HasSubstr("config.json"), HasSubstr("\"bitsandbytes\""),
                     HasSubstr("download the bf16")));
}

TEST(CheckpointTest, RefusesConfigsThatDoNotHelp) {
  EXPECT_THAT(Refusal("[1]"), HasSubstr("config.json: expected a JSON object"));
  EXPECT_THAT(Refusal("{\n\"a\": \"caf\xe9\"}"),
              HasSubstr("config.json: not valid JSON: line 2 is not UTF-8"));
  EXPECT_THAT(Refusal(R"({"num_attention_heads": 2})"),
              HasSubstr("attention_head_dim: expected a positive whole number, "
                        "found nothing"));
  EXPECT_THAT(
      Refusal(R"({"num_attention_heads": "2", "attention_head_dim": 12})"),
      HasSubstr("num_attention_heads: expected a positive whole number, found "
                "\"2\""));
  // Without the two keys a head is 128 wide, which 24 is no multiple of.
  EXPECT_THAT(Refusal(R"({"dim": 24})"), HasSubstr("not a multiple of 128"));
}

TEST(CheckpointTest, SaysWhatAConfigIsInstead) {
  EXPECT_THAT(Refusal("<!DOCTYPE html><html>403</html>"),
              HasSubstr("config.json is a web page"));
  EXPECT_THAT(Refusal("version https://git-lfs.github.com/spec/v1"),
              HasSubstr("config.json is a Git LFS pointer"));
}

TEST(CheckpointTest, AFileThatIsOnePartOfAModel) {
  const std::string folder = "tests/golden/i2v_a14b_native/model";
  const auto checkpoint = OpenWanCheckpoint(
      folder + "/diffusion_pytorch_model-00001-of-00002.safetensors");
  EXPECT_THAT(std::string(checkpoint.status().message()),
              testing::EndsWith("; it is part 1 of 2 of a model: name the "
                                "folder " +
                                folder));
}

TEST(CheckpointTest, AMissingFolderIsNamed) {
  const auto checkpoint = OpenWanCheckpoint("tests/golden/absent");
  EXPECT_FALSE(checkpoint.ok());
  EXPECT_THAT(std::string(checkpoint.status().message()), HasSubstr("absent"));
}

}  // namespace
}  // namespace halfpipe
