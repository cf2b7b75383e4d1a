#include "client/lora/convert_lora.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/lora/lora_of_model.h"
#include "common/base/file.h"
#include "common/store/scratch_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class ConvertLoraTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteOnes(in_, kDiffusersModel, LoraFormat::kComfyUi,
              {"blocks.0.self_attn.q", "blocks.1.ffn.2", "head.head"});
  }

  absl::StatusOr<ConvertResult> To(LoraFormat format, const std::string& from,
                                   const std::string& to,
                                   const std::string& base = "") {
    return ConvertLora(
        {.input = from, .output = to, .format = format, .base = base});
  }

  const ScratchFolder scratch_;
  const std::string in_ = scratch_ / "in.safetensors";
  const std::string out_ = scratch_ / "out.safetensors";
  const std::string back_ = scratch_ / "back.safetensors";
};

TEST_F(ConvertLoraTest, ARoundThroughFormatsWithAnAlphaIsExact) {
  for (const LoraFormat format : {LoraFormat::kMusubi, LoraFormat::kLightx2v}) {
    const auto there = To(format, in_, out_, kDiffusersModel);
    ASSERT_TRUE(there.ok()) << there.status();
    EXPECT_EQ(there->modules, 3u);
    EXPECT_EQ(there->dtype, DType::kBF16);
    ASSERT_TRUE(To(LoraFormat::kComfyUi, out_, back_).ok());
    EXPECT_EQ(ReadFile(back_).value(), ReadFile(in_).value());
  }
}

TEST_F(ConvertLoraTest, FormatsWithoutAnAlphaGetItInB) {
  for (const LoraFormat format :
       {LoraFormat::kDiffSynth, LoraFormat::kDiffusers}) {
    if (format == LoraFormat::kDiffusers) {
      WriteOnes(in_, kDiffusersModel, LoraFormat::kComfyUi,
                {"blocks.0.self_attn.q"});
    }
    ASSERT_TRUE(To(format, in_, out_).ok());
    const auto file = ImportLora(out_, LoraScale::kApart);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->modules[0].scale, 1.0);
    EXPECT_EQ(file->modules[0].b[0], 0.5f);
    EXPECT_EQ(file->modules[0].a[0], 1.0f);
  }
}

TEST_F(ConvertLoraTest, PeftGetsItsConfig) {
  const auto result = To(LoraFormat::kPeft, in_, out_);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->files.size(), 2u);
  const auto config =
      nlohmann::json::parse(ReadFile(scratch_ / "adapter_config.json").value());
  EXPECT_EQ(config["r"], 2);
  EXPECT_EQ(config["lora_alpha"], 2);
}

TEST_F(ConvertLoraTest, WhatDoesNotMatchIsNotWritten) {
  // Block 1 is the golden model's last one; this has more.
  const absl::StatusOr<ConvertResult> result =
      To(LoraFormat::kMusubi, in_, out_, kShardedModel);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(in_));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("head.head"));
  EXPECT_TRUE(absl::IsNotFound(ReadFile(out_).status()));
}

TEST_F(ConvertLoraTest, TheInputIsNotOverwritten) {
  const std::string before = ReadFile(in_).value();
  const absl::Status status = To(LoraFormat::kMusubi, in_, in_).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(ReadFile(in_).value(), before);
}

TEST_F(ConvertLoraTest, TheDTypeMayBeChosen) {
  ASSERT_TRUE(ConvertLora({.input = in_,
                           .output = out_,
                           .format = LoraFormat::kComfyUi,
                           .base = "",
                           .dtype = DType::kF32})
                  .ok());
  EXPECT_EQ(ImportLora(out_)->dtype, DType::kF32);
}

TEST_F(ConvertLoraTest, DifferencesOfWholeTensorsAreKeptOrRefused) {
  const std::vector<LoraDifference> differences = {
      {.tensor = "blocks.1.modulation",
       .shape = {1, 6, 24},
       .values = std::vector<float>(144, 0.5f)}};
  WriteOnes(in_, kDiffusersModel, LoraFormat::kLightx2v,
            {"blocks.0.self_attn.q"}, differences);
  const auto kept = To(LoraFormat::kComfyUi, in_, out_, kDiffusersModel);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->differences, 1u);
  ASSERT_TRUE(To(LoraFormat::kLightx2v, out_, back_).ok());
  EXPECT_EQ(ReadFile(back_).value(), ReadFile(in_).value());
  for (const LoraFormat format :
       {LoraFormat::kMusubi, LoraFormat::kPeft, LoraFormat::kDiffusers,
        LoraFormat::kDiffSynth}) {
    const absl::Status refused =
        To(format, in_, scratch_ / "other.safetensors").status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(in_));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("diff_m"));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("--merge-into"));
  }
}

TEST_F(ConvertLoraTest, DifferencesOfNoTensorAreNamed) {
  WriteOnes(in_, kDiffusersModel, LoraFormat::kComfyUi,
            {"blocks.0.self_attn.q"},
            {{.tensor = "blocks.0.self_attn.nrom_q.weight",
              .shape = {2},
              .values = {1, 2}}});
  for (const char* base : {"", kDiffusersModel}) {
    const absl::Status refused =
        To(LoraFormat::kLightx2v, in_, out_, base).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(
        std::string(refused.message()),
        HasSubstr("nearest name is 'blocks.0.self_attn.norm_q.weight'"));
  }
}

}  // namespace
}  // namespace halfpipe
