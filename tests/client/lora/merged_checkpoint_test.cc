#include "client/lora/merged_checkpoint.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "client/lora/lora_of_model.h"
#include "common/base/file.h"
#include "common/store/float_convert.h"
#include "common/store/scratch_folder.h"
#include "common/store/tensor_archive.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class MergedCheckpointTest : public ::testing::Test {
 protected:
  LoraFile Lora(const std::string& dit, const std::string& module) {
    const std::string path = scratch_ / "lora.safetensors";
    WriteOnes(path, dit, LoraFormat::kMusubi, {module});
    return ImportLora(path, LoraScale::kApart).value();
  }

  // Every tensor of both, except `changed`, has the same bytes.
  static void ExpectSameBut(const std::string& base, const std::string& merged,
                            const std::string& changed) {
    const auto a = OpenTensorArchive(base);
    const auto b = OpenTensorArchive(merged);
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    ASSERT_EQ((*a)->tensors().size(), (*b)->tensors().size());
    for (const auto& [name, tensor] : (*a)->tensors()) {
      std::string left(tensor.bytes, '\0');
      std::string right(tensor.bytes, '\1');
      ASSERT_TRUE((*a)->Read(name, left.data()).ok());
      ASSERT_TRUE((*b)->Read(name, right.data()).ok()) << name;
      EXPECT_EQ((*b)->tensors().at(name).dtype, tensor.dtype);
      EXPECT_EQ(left == right, name != changed) << name;
    }
  }

  const ScratchFolder scratch_;
};

TEST_F(MergedCheckpointTest, OneFileHasTheUpdateAndNothingElseChanged) {
  const LoraFile lora = Lora(kDiffusersModel, "blocks.0.self_attn.q");
  const std::string out = scratch_ / "merged.safetensors";
  MergeOptions options{.base = kDiffusersModel, .output = out, .strength = 2.0};
  const auto result = WriteMergedCheckpoint(lora, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->modules, 1u);
  EXPECT_EQ(result->files, std::vector<std::string>{out});
  const std::string name = "blocks.0.attn1.to_q.weight";
  ExpectSameBut(kDiffusersModel, out, name);
  const auto base = OpenTensorArchive(kDiffusersModel);
  const auto merged = OpenTensorArchive(out);
  const auto before = ReadFloats(**base, name);
  const auto after = ReadFloats(**merged, name);
  const DType dtype = (*base)->tensors().at(name).dtype;
  for (size_t i = 0; i < before->size(); ++i) {
    float expected = (*before)[i] + 2.0f;  // strength 2, scale 1/2, B A = 2
    char rounded[4] = {};
    EncodeFloats(dtype, &expected, 1, rounded);
    DecodeFloats(dtype, rounded, 1, &expected);
    ASSERT_EQ((*after)[i], expected) << i;
  }
}

TEST_F(MergedCheckpointTest, DifferencesOfWholeTensorsAreAdded) {
  const std::map<std::string, std::string> tensors = {
      {"blocks.0.self_attn.q.bias", "blocks.0.attn1.to_q.bias"},
      {"blocks.1.self_attn.norm_k.weight", "blocks.1.attn1.norm_k.weight"},
      {"blocks.0.norm3.bias", "blocks.0.norm2.bias"},
      {"blocks.0.modulation", "blocks.0.scale_shift_table"},
      {"head.modulation", "scale_shift_table"},
      {"head.head.weight", "proj_out.weight"}};
  const auto base = OpenTensorArchive(kDiffusersModel);
  ASSERT_TRUE(base.ok());
  std::vector<LoraDifference> differences;
  for (const auto& [native, stored] : tensors) {
    const Shape& shape = (*base)->tensors().at(stored).shape;
    differences.push_back(
        {.tensor = native,
         .shape = shape,
         .values = std::vector<float>(static_cast<size_t>(ElementCount(shape)),
                                      0.25f)});
  }
  const std::string path = scratch_ / "lora.safetensors";
  WriteOnes(path, kDiffusersModel, LoraFormat::kLightx2v,
            {"blocks.0.self_attn.q"}, differences);
  const LoraFile lora = ImportLora(path, LoraScale::kApart).value();
  const std::string out = scratch_ / "merged.safetensors";
  const auto result = WriteMergedCheckpoint(
      lora, {.base = kDiffusersModel, .output = out, .strength = 2.0});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->differences, tensors.size());
  const auto merged = OpenTensorArchive(out);
  for (const auto& [native, stored] : tensors) {
    const auto before = ReadFloats(**base, stored);
    const auto after = ReadFloats(**merged, stored);
    const DType dtype = (*base)->tensors().at(stored).dtype;
    for (size_t i = 0; i < before->size(); ++i) {
      float expected = (*before)[i] + 0.5f;
      char rounded[4] = {};
      EncodeFloats(dtype, &expected, 1, rounded);
      DecodeFloats(dtype, rounded, 1, &expected);
      ASSERT_EQ((*after)[i], expected) << stored << " " << i;
    }
  }
}

TEST_F(MergedCheckpointTest, DifferencesThatDoNotFitAreNamed) {
  LoraFile lora = Lora(kDiffusersModel, "blocks.0.self_attn.q");
  lora.differences = {{.tensor = "blocks.0.self_attn.norm_q.weight",
                       .key = "norm_q.diff",
                       .shape = {3},
                       .values = {1, 2, 3}},
                      {.tensor = "blocks.0.cross_attn.norm_k_img.weight",
                       .key = "norm_k_img.diff",
                       .shape = {1},
                       .values = {1}}};
  const std::string out = scratch_ / "merged.safetensors";
  const std::string message(
      WriteMergedCheckpoint(lora, {.base = kDiffusersModel, .output = out})
          .status()
          .message());
  EXPECT_THAT(message, HasSubstr("2 of 2 differences do not match"));
  EXPECT_THAT(message, HasSubstr("'norm_q.diff' is [3], but"));
  EXPECT_THAT(message, HasSubstr("'norm_k_img.diff': the base model has no"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(MergedCheckpointTest, AFolderHasShardsIndexAndConfig) {
  const LoraFile lora = Lora(kShardedModel, "blocks.0.ffn.0");
  const std::string out = scratch_ / "merged";
  MergeOptions options{.base = kShardedModel, .output = out};
  options.shard_bytes = 20'000;
  const auto result = WriteMergedCheckpoint(lora, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->files.size(), 2u);
  ExpectSameBut(kShardedModel, out, "blocks.0.ffn.0.weight");
  EXPECT_EQ(ReadFile(out + "/config.json").value(),
            ReadFile(std::string(kShardedModel) + "/config.json").value());
  EXPECT_TRUE(OpenWanCheckpoint(out).ok());
  // A folder that is there is not touched.
  const absl::Status again = WriteMergedCheckpoint(lora, options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(again)) << again;
}

TEST_F(MergedCheckpointTest, AStopLeavesNothing) {
  const LoraFile lora = Lora(kShardedModel, "blocks.0.ffn.0");
  MergeOptions options{.base = kShardedModel, .output = scratch_ / "merged"};
  int asked = 0;
  options.stop = [&asked] { return ++asked > 5; };
  EXPECT_TRUE(absl::IsCancelled(WriteMergedCheckpoint(lora, options).status()));
  for (const auto& entry :
       std::filesystem::directory_iterator(scratch_.path())) {
    EXPECT_EQ(entry.path().filename(), "lora.safetensors");
  }
}

TEST_F(MergedCheckpointTest, RefusesWhatDoesNotFit) {
  const LoraFile lora = Lora(kDiffusersModel, "head.head");
  MergeOptions options{.base = kShardedModel, .output = scratch_ / "merged"};
  const absl::Status status = WriteMergedCheckpoint(lora, options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("head.head"));
  const std::string copy = scratch_ / "base.safetensors";
  std::filesystem::copy_file(
      std::string(kDiffusersModel) + "/diffusion_pytorch_model.safetensors",
      copy);
  std::filesystem::copy_file(std::string(kDiffusersModel) + "/config.json",
                             scratch_ / "config.json");
  options.base = options.output = copy;
  EXPECT_THAT(
      std::string(WriteMergedCheckpoint(lora, options).status().message()),
      HasSubstr("is the base model itself"));
  options.base = scratch_.path();
  EXPECT_TRUE(
      absl::IsInvalidArgument(WriteMergedCheckpoint(lora, options).status()));
}

}  // namespace
}  // namespace halfpipe
