#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/lora_file.h"
#include "tests/common/store/scratch_folder.h"
#include "tests/common/store/small_lora.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LoraImportTest : public testing::Test {
 protected:
  ScratchFolder scratch_;
  const std::vector<float> ones_ = std::vector<float>(64, 1.0f);

  // Stores fp32 tensors of ones and reads the file as a LoRA.
  absl::StatusOr<LoraFile> Import(
      const std::vector<std::pair<std::string, Shape>>& tensors) {
    std::vector<TensorToWrite> to_write;
    for (const auto& [name, shape] : tensors) {
      to_write.push_back({name, DType::kF32, shape, ones_.data()});
    }
    std::string path = scratch_ / "in.safetensors";
    EXPECT_TRUE(WriteSafetensors(path, to_write, {}).ok());
    return ImportLora(path);
  }
};

TEST_F(LoraImportTest, EveryFormatComesBackTheSame) {
  SmallLora small;
  for (LoraFormat format :
       {LoraFormat::kDiffSynth, LoraFormat::kComfyUi, LoraFormat::kDiffusers,
        LoraFormat::kPeft, LoraFormat::kMusubi, LoraFormat::kLightx2v}) {
    SCOPED_TRACE(LoraFormatName(format));
    std::string path = scratch_ / "lora.safetensors";
    ASSERT_TRUE(ExportLora(path, small.Export(format)).ok());
    auto file = ImportLora(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->metadata.at("format"), "pt");
    ASSERT_EQ(file->modules.size(), 2u);
    EXPECT_EQ(file->modules[0].module, SmallLora::kFfn);
    const LoraModule& query = file->modules[1];
    EXPECT_EQ(query.module, SmallLora::kQuery);
    EXPECT_EQ(query.rank, 2);
    EXPECT_EQ(query.in, 3);
    EXPECT_EQ(query.out, 4);
    EXPECT_EQ(query.a, small.query_a);
    EXPECT_THAT(query.b, ElementsAre(0.5f, 1, -1.5f, 2, 2.5f, 3, 3.5f, -4));
  }
}

TEST_F(LoraImportTest, AnUnknownKeyIsNamed) {
  absl::Status status = Import({{"m.lora_A.weight", {2, 3}},
                                {"m.lora_B.weight", {4, 2}},
                                {"m.diff_c", {4}}})
                            .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("in.safetensors"));
  EXPECT_THAT(MessageOf(status), HasSubstr("'m.diff_c'"));
  EXPECT_THAT(MessageOf(status), HasSubstr("nearest name is 'm.lora_"));
}

TEST_F(LoraImportTest, AHalfOfAModuleIsNamed) {
  EXPECT_THAT(MessageOf(Import({{"m.lora_A.weight", {2, 3}}}).status()),
              HasSubstr("module 'm' has no B"));
  EXPECT_THAT(MessageOf(Import({{"m.lora_B.weight", {2, 3}}}).status()),
              HasSubstr("module 'm' has no A"));
  EXPECT_THAT(MessageOf(Import({}).status()), HasSubstr("no LoRA tensors"));
}

TEST_F(LoraImportTest, ShapesMustMatch) {
  for (const auto& [a, b] :
       std::vector<std::pair<Shape, Shape>>{{{2, 3}, {4, 3}},
                                            {{2, 3}, {4, 2, 1}},
                                            {{6}, {4, 2}},
                                            {{0, 3}, {4, 0}}}) {
    absl::Status status =
        Import({{"m.lora_A.weight", a}, {"m.lora_B.weight", b}}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(MessageOf(status), HasSubstr("'m.lora_A.weight' is"));
  }
}

TEST_F(LoraImportTest, AConvolutionsIsNamed) {
  EXPECT_THAT(
      MessageOf(Import({{"patch_embedding.lora_down.weight", {1, 3, 1, 2, 2}},
                        {"patch_embedding.lora_up.weight", {4, 1, 1, 1, 1}}})
                    .status()),
      HasSubstr("'patch_embedding.lora_down.weight' is [1, 3, 1, 2, 2], the "
                "LoRA of a convolution"));
}

TEST_F(LoraImportTest, TwoSpellingsOfOneModuleAreRefused) {
  absl::Status status = Import({{"blocks.0.ffn.0.lora_A.weight", {2, 3}},
                                {"transformer.blocks.0.ffn.net.0.proj"
                                 ".lora_A.weight",
                                 {2, 3}}})
                            .status();
  EXPECT_THAT(MessageOf(status),
              HasSubstr("both belong to module 'blocks.0.ffn.0'"));
}

TEST_F(LoraImportTest, AlphaIsOneNumber) {
  std::vector<std::pair<std::string, Shape>> tensors = {
      {"m.lora_down.weight", {4, 3}},
      {"m.lora_up.weight", {1, 4}},
      {"m.alpha", {1}}};
  auto file = Import(tensors);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->modules[0].b, ElementsAre(0.25f, 0.25f, 0.25f, 0.25f));
  tensors[2].second = {2};
  EXPECT_THAT(MessageOf(Import(tensors).status()),
              HasSubstr("'m.alpha' is [2]; expected one number"));
}

TEST_F(LoraImportTest, PeftsScaleComesFromItsConfig) {
  const std::vector<std::pair<std::string, Shape>> tensors = {
      {"base_model.model.m.lora_A.weight", {2, 3}},
      {"base_model.model.m.lora_B.weight", {1, 2}}};
  EXPECT_THAT(Import(tensors)->warning, HasSubstr("no adapter_config.json"));
  scratch_.Write("adapter_config.json", R"({"r": 2, "lora_alpha": 6})");
  auto file = Import(tensors);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->warning, "");
  EXPECT_THAT(file->modules[0].b, ElementsAre(3, 3));
  scratch_.Write("adapter_config.json", R"({"r": 4, "lora_alpha": 6})");
  EXPECT_THAT(MessageOf(Import(tensors).status()), HasSubstr("r = 4"));
}

// A folder is named in place of its one file.
TEST_F(LoraImportTest, PeftsScaleIsFoundInAFolderToo) {
  ASSERT_TRUE(WriteSafetensors(scratch_ / "adapter_model.safetensors",
                               {{"base_model.model.m.lora_A.weight",
                                 DType::kF32,
                                 {2, 3},
                                 ones_.data()},
                                {"base_model.model.m.lora_B.weight",
                                 DType::kF32,
                                 {1, 2},
                                 ones_.data()}},
                               {})
                  .ok());
  scratch_.Write("adapter_config.json", R"({"r": 2, "lora_alpha": 6})");
  std::string folder = scratch_ / "";
  for (int i = 0; i < 2; ++i) {
    const auto file = ImportLora(folder);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_THAT(file->modules[0].b, ElementsAre(3, 3)) << folder;
    folder.pop_back();  // the slash
  }
}

TEST_F(LoraImportTest, AlphaIsANumberOfAnyKind) {
  const int64_t whole = 6;
  const int32_t narrow = 6;
  const double precise = 6;
  for (const auto& [dtype, alpha] :
       std::vector<std::pair<DType, const void*>>{{DType::kI64, &whole},
                                                  {DType::kI32, &narrow},
                                                  {DType::kF64, &precise}}) {
    const std::string path = scratch_ / "in.safetensors";
    ASSERT_TRUE(WriteSafetensors(
                    path,
                    {{"m.lora_down.weight", DType::kF32, {2, 3}, ones_.data()},
                     {"m.lora_up.weight", DType::kF32, {1, 2}, ones_.data()},
                     {"m.alpha", dtype, {}, alpha}},
                    {})
                    .ok());
    const auto file = ImportLora(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_THAT(file->modules[0].b, ElementsAre(3, 3)) << DTypeName(dtype);
  }
}

TEST_F(LoraImportTest, TheScaleCanBeKeptApart) {
  SmallLora small;
  std::string path = scratch_ / "lora.safetensors";
  LoraExport lora = small.Export(LoraFormat::kMusubi);
  for (const DType dtype : {DType::kBF16, DType::kF32}) {
    lora.dtype = dtype;
    ASSERT_TRUE(ExportLora(path, lora).ok());
    auto file = ImportLora(path, LoraScale::kApart);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->dtype, dtype);
    EXPECT_EQ(file->modules[1].b, small.query_b);
    EXPECT_EQ(file->modules[1].scale, 0.5);
    EXPECT_EQ(ImportLora(path)->modules[1].scale, 1.0);
  }
}

TEST_F(LoraImportTest, EveryUnknownKeyIsNamed) {
  std::vector<std::pair<std::string, Shape>> tensors = {
      {"m.lora_A.weight", {2, 3}},
      {"m.lora_B.weight", {4, 2}},
      {"m.diff_c", {4}},
      {"m.lora_C.weight", {4}}};
  absl::Status status = Import(tensors).status();
  EXPECT_THAT(MessageOf(status), HasSubstr("'m.diff_c'"));
  EXPECT_THAT(MessageOf(status), HasSubstr("'m.lora_C.weight'"));
  for (int i = 0; i < 30; ++i) tensors.push_back({absl::StrCat("x", i), {1}});
  EXPECT_THAT(MessageOf(Import(tensors).status()),
              HasSubstr("and 12 more keys"));
}

TEST_F(LoraImportTest, DifferencesOfWholeTensorsAreRead) {
  auto file = Import({{"blocks.0.ffn.0.lora_A.weight", {2, 3}},
                      {"blocks.0.ffn.0.lora_B.weight", {4, 2}},
                      {"blocks.0.ffn.0.diff_b", {4}},
                      {"blocks.0.diff_m", {1, 6, 2}},
                      {"blocks.0.norm3.diff", {3}}});
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->differences.size(), 3u);
  EXPECT_EQ(file->differences[0].tensor, "blocks.0.ffn.0.bias");
  EXPECT_EQ(file->differences[0].key, "blocks.0.ffn.0.diff_b");
  EXPECT_THAT(file->differences[0].values, ElementsAre(1, 1, 1, 1));
  EXPECT_EQ(file->differences[1].tensor, "blocks.0.modulation");
  EXPECT_EQ(file->differences[1].shape, (Shape{1, 6, 2}));
  EXPECT_EQ(file->differences[2].tensor, "blocks.0.norm3.weight");
  // A whole difference beside a product: programs differ in what that means.
  EXPECT_THAT(MessageOf(Import({{"m.lora_A.weight", {2, 3}},
                                {"m.lora_B.weight", {4, 2}},
                                {"m.diff", {4, 3}}})
                            .status()),
              HasSubstr("both change the weight of 'm'"));
}

TEST_F(LoraImportTest, BothExpertsInOneFileAreRefusedOneIsRead) {
  std::vector<std::pair<std::string, Shape>> tensors = {
      {"transformer_2.blocks.0.attn1.to_q.lora_A.weight", {2, 3}},
      {"transformer_2.blocks.0.attn1.to_q.lora_B.weight", {4, 2}}};
  auto file = Import(tensors);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->modules[0].module, "blocks.0.self_attn.q");
  tensors.push_back({"transformer.blocks.0.attn1.to_q.lora_A.weight", {2, 3}});
  tensors.push_back({"transformer.blocks.0.attn1.to_q.lora_B.weight", {4, 2}});
  EXPECT_THAT(MessageOf(Import(tensors).status()),
              HasSubstr("both experts: 2 keys, such as 'transformer_2."));
}

TEST_F(LoraImportTest, OtherKindsAreRefusedByName) {
  EXPECT_THAT(MessageOf(Import({{"m.lora_A.weight", {2, 3}},
                                {"m.lora_B.weight", {4, 2}},
                                {"m.dora_scale", {4, 1}}})
                            .status()),
              HasSubstr("a DoRA adapter (1 keys such as 'm.dora_scale')"));
  EXPECT_THAT(MessageOf(Import({{"lycoris_m.lokr_w1", {2, 2}}}).status()),
              HasSubstr("LoKr"));
}

TEST_F(LoraImportTest, DiffusersScaleIsReadOnceAndTakenOut) {
  const std::string path = scratch_ / "in.safetensors";
  for (const std::string prefix : {"transformer.", "transformer_2.", ""}) {
    const std::string config = absl::StrCat("{\"", prefix, "r\": 2, \"", prefix,
                                            "lora_alpha\": 6, \"other.r\": 3}");
    ASSERT_TRUE(
        WriteSafetensors(
            path,
            {{prefix + "m.lora_A.weight", DType::kF32, {2, 3}, ones_.data()},
             {prefix + "m.lora_B.weight", DType::kF32, {1, 2}, ones_.data()}},
            {{"lora_adapter_metadata", config}, {"kept", "yes"}})
            .ok());
    const auto file = ImportLora(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->modules[0].module, "m");
    EXPECT_THAT(file->modules[0].b, ElementsAre(3, 3));
    EXPECT_EQ(file->metadata.count("lora_adapter_metadata"), 0u);
    EXPECT_EQ(file->metadata.at("kept"), "yes");
  }
}

}  // namespace
}  // namespace halfpipe
