#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/float_convert.h"
#include "common/store/lora_file.h"
#include "common/store/tensor_archive.h"
#include "tests/common/store/scratch_folder.h"
#include "tests/common/store/small_lora.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LoraExportTest : public testing::Test {
 protected:
  ScratchFolder scratch_;
  SmallLora small_;

  std::unique_ptr<TensorArchive> ExportAndOpen(const LoraExport& lora) {
    std::string path = scratch_ / "lora.safetensors";
    absl::Status status = ExportLora(path, lora);
    EXPECT_TRUE(status.ok()) << status;
    return OpenTensorArchive(path).value();
  }
};

TEST_F(LoraExportTest, AFormatWithAlphaKeepsBAsItIs) {
  auto archive = ExportAndOpen(small_.Export(LoraFormat::kComfyUi));
  EXPECT_EQ(archive->tensors().size(), 6u);
  const std::string prefix = "diffusion_model.blocks.0.self_attn.q";
  EXPECT_EQ(archive->tensors().at(prefix + ".lora_A.weight").shape,
            (Shape{2, 3}));
  EXPECT_EQ(archive->tensors().at(prefix + ".lora_B.weight").dtype,
            DType::kBF16);
  EXPECT_THAT(ReadFloats(*archive, prefix + ".lora_B.weight").value(),
              ElementsAre(1, 2, -3, 4, 5, 6, 7, -8));
  EXPECT_TRUE(archive->tensors().at(prefix + ".alpha").shape.empty());
  EXPECT_THAT(ReadFloats(*archive, prefix + ".alpha").value(), ElementsAre(1));
}

TEST_F(LoraExportTest, AFormatWithoutAlphaHasItInB) {
  auto archive = ExportAndOpen(small_.Export(LoraFormat::kDiffSynth));
  EXPECT_EQ(archive->tensors().size(), 4u);
  const std::string prefix = "blocks.0.self_attn.q";
  EXPECT_THAT(ReadFloats(*archive, prefix + ".lora_A.default.weight").value(),
              ElementsAre(1, -2, 0.5f, 3, 4, -0.25f));
  EXPECT_THAT(ReadFloats(*archive, prefix + ".lora_B.default.weight").value(),
              ElementsAre(0.5f, 1, -1.5f, 2, 2.5f, 3, 3.5f, -4));
}

TEST_F(LoraExportTest, ScalesInFp32BeforeItRounds) {
  // 1/3 of 1 + 2^-7: rounding the factor or the weight first gives 0x3eab.
  LoraExport lora = small_.Export(LoraFormat::kDiffSynth);
  const float third = static_cast<float>(1.0 / 3.0);
  lora.alpha = 2.0 / 3.0;
  lora.dtype = DType::kF32;
  auto archive = ExportAndOpen(lora);
  std::vector<float> b =
      ReadFloats(*archive, "blocks.0.self_attn.q.lora_B.default.weight")
          .value();
  ASSERT_EQ(b.size(), small_.query_b.size());
  for (size_t i = 0; i < b.size(); ++i) {
    EXPECT_EQ(b[i], small_.query_b[i] * third);
  }
  lora.dtype = DType::kBF16;
  archive = ExportAndOpen(lora);
  std::vector<float> rounded =
      ReadFloats(*archive, "blocks.0.self_attn.q.lora_B.default.weight")
          .value();
  for (size_t i = 0; i < b.size(); ++i) {
    EXPECT_EQ(rounded[i], BF16ToFloat(FloatToBF16(b[i])));
  }
}

TEST_F(LoraExportTest, CarriesItsMetadata) {
  LoraExport lora = small_.Export(LoraFormat::kDiffusers);
  lora.metadata = {{"rank", "2"}};
  auto archive = ExportAndOpen(lora);
  EXPECT_EQ(archive->metadata(), (std::map<std::string, std::string>{
                                     {"format", "pt"}, {"rank", "2"}}));
}

TEST_F(LoraExportTest, EqualInputGivesEqualBytes) {
  LoraExport lora = small_.Export(LoraFormat::kMusubi);
  lora.metadata = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
  ASSERT_TRUE(ExportLora(scratch_ / "1.safetensors", lora).ok());
  std::swap(lora.adapters[0], lora.adapters[1]);
  ASSERT_TRUE(ExportLora(scratch_ / "2.safetensors", lora).ok());
  EXPECT_EQ(ReadFile(scratch_ / "1.safetensors").value(),
            ReadFile(scratch_ / "2.safetensors").value());
}

TEST_F(LoraExportTest, WritesNothingThatDoesNotFitTheBase) {
  const std::string path = scratch_ / "x.safetensors";
  LoraExport lora = small_.Export(LoraFormat::kComfyUi);
  lora.adapters[1].module = "blocks.0.self_attn.w";
  absl::Status status = ExportLora(path, lora);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("'blocks.0.self_attn.w'"));
  EXPECT_THAT(MessageOf(status), HasSubstr("'blocks.0.self_attn.k'"));

  lora = small_.Export(LoraFormat::kComfyUi);
  lora.adapters[0].out = 5;
  status = ExportLora(path, lora);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("maps 3 to 5"));
  EXPECT_EQ(scratch_.Count(), 0);
}

TEST_F(LoraExportTest, RefusesWhatTheFormatCannotSay) {
  small_.base["ref_conv"] = {3, 4};
  small_.base["strange_name.q"] = {3, 4};
  LoraExport lora = small_.Export(LoraFormat::kDiffusers);
  lora.adapters[0].module = "ref_conv";
  const std::string path = scratch_ / "x.safetensors";
  EXPECT_THAT(MessageOf(ExportLora(path, lora)),
              HasSubstr("'diffusers' has no name for the module 'ref_conv'"));
  // A musubi key does not say which underscores were dots.
  lora.format = LoraFormat::kMusubi;
  lora.adapters[0].module = "strange_name.q";
  EXPECT_THAT(MessageOf(ExportLora(path, lora)), HasSubstr("not be found"));
}

TEST_F(LoraExportTest, RefusesBadOptions) {
  const std::string path = scratch_ / "x.safetensors";
  LoraExport lora = small_.Export(LoraFormat::kDiffSynth);
  lora.alpha = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(ExportLora(path, lora)));
  lora = small_.Export(LoraFormat::kDiffSynth);
  lora.dtype = DType::kF16;
  EXPECT_TRUE(absl::IsInvalidArgument(ExportLora(path, lora)));
  lora = small_.Export(LoraFormat::kDiffSynth);
  lora.adapters.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(ExportLora(path, lora)));
  lora = small_.Export(LoraFormat::kDiffSynth);
  lora.adapters.push_back(lora.adapters[0]);
  EXPECT_TRUE(absl::IsInvalidArgument(ExportLora(path, lora)));
}

TEST_F(LoraExportTest, AModuleMayHaveAnAlphaOfItsOwn) {
  const std::string path = scratch_ / "x.safetensors";
  LoraExport lora = small_.Export(LoraFormat::kComfyUi);
  lora.adapters[0].alpha = 6;
  ASSERT_TRUE(ExportLora(path, lora).ok());
  auto file = ImportLora(path, LoraScale::kApart);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->modules[1].scale, 3.0);  // query: 6 / 2
  EXPECT_EQ(file->modules[0].scale, 0.5);  // ffn: the export's 1 / 2
  lora.adapters[1].alpha = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(ExportLora(path, lora)));
}

TEST(LoraDifferenceTest, OnlyFormatsWithKeysForThemHoldThem) {
  SmallLora small;
  ScratchFolder scratch;
  const std::string path = scratch / "lora.safetensors";
  const std::vector<LoraDifference> differences = {
      {.tensor = "blocks.0.self_attn.q.bias",
       .key = "q.diff_b",
       .shape = {4},
       .values = {1, 2, 3, 4}},
      {.tensor = "blocks.0.modulation",
       .key = "diff_m",
       .shape = {1, 1, 2},
       .values = {5, 6}}};
  for (const LoraFormat format :
       {LoraFormat::kComfyUi, LoraFormat::kLightx2v}) {
    LoraExport lora = small.Export(format);
    lora.differences = &differences;
    ASSERT_TRUE(ExportLora(path, lora).ok());
    const auto file = ImportLora(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_EQ(file->differences.size(), 2u);
    EXPECT_EQ(file->differences[0].tensor, "blocks.0.modulation");
    EXPECT_EQ(file->differences[0].values, differences[1].values);
    EXPECT_EQ(file->differences[1].shape, (Shape{4}));
  }
  for (const LoraFormat format :
       {LoraFormat::kDiffSynth, LoraFormat::kDiffusers, LoraFormat::kPeft,
        LoraFormat::kMusubi}) {
    LoraExport lora = small.Export(format);
    lora.differences = &differences;
    EXPECT_THAT(MessageOf(ExportLora(path, lora)),
                HasSubstr("'q.diff_b' and 1 more are differences"));
  }
}

}  // namespace
}  // namespace halfpipe
