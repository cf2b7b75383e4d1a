#include "common/store/checkpoint_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_replace.h"
#include "common/base/digest.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CheckpointManifest Example() {
  CheckpointManifest manifest;
  manifest.step = 250;
  manifest.config_digest = "c0";
  manifest.data_digest = "d0";
  manifest.data_cursor = 2000;
  manifest.threads = 1;
  manifest.split = 20;
  manifest.stages = 2;
  manifest.files = {{"stage0.safetensors", 3, Sha256Hex("abc")},
                    {"stage1.safetensors", 0, Sha256Hex("")}};
  return manifest;
}

TEST(ManifestJsonTest, ComesBackTheSame) {
  auto back = ManifestFromJson(ToJson(Example()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Example());
}

TEST(ManifestJsonTest, AFactorOfOneIsNotWritten) {
  // A manifest of an older version has none, and its bytes stay the same.
  EXPECT_THAT(ToJson(Example()), Not(HasSubstr("learning_rate_factor")));
  CheckpointManifest lowered = Example();
  lowered.learning_rate_factor = 0.125;
  auto back = ManifestFromJson(ToJson(lowered));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->learning_rate_factor, 0.125);
  for (const char* bad : {"0.0", "-0.5", "1.5", "\"0.5\""}) {
    const std::string text =
        absl::StrReplaceAll(ToJson(lowered), {{"0.125", bad}});
    EXPECT_THAT(MessageOf(ManifestFromJson(text).status()),
                HasSubstr("learning_rate_factor"))
        << bad;
  }
}

TEST(ManifestJsonTest, WhatItWasTrainedOnIsOptional) {
  EXPECT_FALSE(Example().has_record());
  EXPECT_THAT(ToJson(Example()), Not(HasSubstr("model_digest")));
  CheckpointManifest recorded = Example();
  recorded.config = {{"train.seed", "7"}, {"lora.rank", "32"}};
  recorded.model_digest = "m";
  recorded.device = "cpu";
  recorded.arithmetic = "avx2";
  const auto back = ManifestFromJson(ToJson(recorded));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, recorded);
  for (const char* bad : {"\"config\": 3", "\"config\": {\"a\": 1}"}) {
    const std::string text = absl::StrReplaceAll(
        ToJson(Example()),
        {{"\"data_cursor\"", absl::StrCat(bad, ", \"data_cursor\"")}});
    EXPECT_THAT(MessageOf(ManifestFromJson(text).status()), HasSubstr("config"))
        << bad;
  }
}

TEST(ManifestJsonTest, ARecordOfValidationsIsWrittenWhereThereIsOne) {
  EXPECT_THAT(ToJson(Example()), Not(HasSubstr("validation")));
  CheckpointManifest validated = Example();
  validated.validation = {.steps = 200,
                          .best_steps = 150,
                          .best_loss = 1.0 / 3.0,
                          .without_better = 4};
  const std::string text = ToJson(validated);
  auto back = ManifestFromJson(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, validated);
  for (const auto& [from, to] :
       std::vector<std::pair<const char*, const char*>>{
           {"\"best_steps\": 150", "\"best_steps\": -1"},
           {"\"best_steps\": 150", "\"best_stops\": 150"},
           {"\"steps\": 200", "\"steps\": 200, \"more\": 1"}}) {
    EXPECT_FALSE(ManifestFromJson(absl::StrReplaceAll(text, {{from, to}})).ok())
        << to;
  }
}

TEST(ManifestJsonTest, TheLosssAverageComesBackToTheBit) {
  EXPECT_THAT(ToJson(Example()), Not(HasSubstr("loss_average")));
  CheckpointManifest averaged = Example();
  averaged.loss_average = {.value = 1.0 / 3.0, .count = 250};
  const std::string text = ToJson(averaged);
  auto back = ManifestFromJson(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, averaged);
  for (const auto& [from, to] :
       std::vector<std::pair<const char*, const char*>>{
           {"\"steps\": 250", "\"steps\": -1"},
           {"\"steps\": 250", "\"steps\": 250, \"more\": 1"},
           {"\"loss_average\": {", "\"loss_average\": 3, \"x\": {"}}) {
    EXPECT_FALSE(ManifestFromJson(absl::StrReplaceAll(text, {{from, to}})).ok())
        << to;
  }
}

TEST(ManifestJsonTest, NamesTheFieldThatIsWrong) {
  const std::string text = ToJson(Example());
  const std::vector<std::pair<std::pair<const char*, const char*>, const char*>>
      changes = {
          {{"\"step\": 250", "\"step\": -1"}, "\"step\""},
          {{"\"step\": 250", "\"step\": 1.5"}, "\"step\""},
          {{"\"step\"", "\"stop\""}, "\"step\""},
          {{"\"threads\": 1", "\"threads\": 4294967297"}, "\"threads\""},
          {{"\"split\": 20", "\"split\": 20, \"extra\": 1"}, "\"extra\""},
          {{"\"split\": 20", "\"split\": 20, \"split\": 21"}, "twice"},
          {{"\"config_digest\": \"c0\"", "\"config_digest\": 7"},
           "\"config_digest\""},
          {{"\"schema\": 1", "\"schema\": 2"}, "schema 2"},
          {{"stage1.safetensors", "stage0.safetensors"}, "listed twice"},
          {{"stage1.safetensors", "../x"}, "files[1]"},
          {{"stage1.safetensors", "manifest.json"}, "files[1]"},
          {{"\"bytes\": 3", "\"bytes\": \"3\""}, "files[0]"},
          {{"ba7816bf", "XY7816bf"}, "\"sha256\""},
      };
  for (const auto& [change, message] : changes) {
    std::string bad = absl::StrReplaceAll(text, {change});
    ASSERT_NE(bad, text) << change.first;
    absl::Status status = ManifestFromJson(bad).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(MessageOf(status), HasSubstr(message));
  }
}

class VerifyCheckpointTest : public testing::Test {
 protected:
  ScratchFolder scratch_;

  void SetUp() override {
    scratch_.Write("stage0.safetensors", "abc");
    scratch_.Write("stage1.safetensors", "");
    ASSERT_TRUE(WriteManifest(scratch_.path(), Example()).ok());
  }

  void ExpectDataLoss(const char* file) {
    absl::Status status = VerifyCheckpoint(scratch_.path()).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(file));
  }
};

TEST_F(VerifyCheckpointTest, HoldsForWhatWasWritten) {
  auto manifest = VerifyCheckpoint(scratch_.path());
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(*manifest, Example());
}

TEST_F(VerifyCheckpointTest, NamesAChangedFile) {
  scratch_.Write("stage0.safetensors", "abd");
  ExpectDataLoss("stage0.safetensors");
}

TEST_F(VerifyCheckpointTest, NamesALongerFile) {
  scratch_.Write("stage1.safetensors", "x");
  ExpectDataLoss("stage1.safetensors");
}

TEST_F(VerifyCheckpointTest, NamesAMissingFile) {
  std::filesystem::remove(scratch_ / "stage1.safetensors");
  ExpectDataLoss("stage1.safetensors");
}

TEST_F(VerifyCheckpointTest, NeedsAManifest) {
  std::filesystem::remove(scratch_ / "manifest.json");
  EXPECT_TRUE(absl::IsNotFound(VerifyCheckpoint(scratch_.path()).status()));
  scratch_.Write("manifest.json", "{");
  absl::Status status = VerifyCheckpoint(scratch_.path()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("/manifest.json"));
}

TEST_F(VerifyCheckpointTest, DescribesFilesAsTheyAre) {
  auto entry = DescribeFile(scratch_.path(), "stage0.safetensors");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(*entry, Example().files[0]);
  EXPECT_TRUE(absl::IsNotFound(DescribeFile(scratch_.path(), "none").status()));
}

TEST_F(VerifyCheckpointTest, WritesNoManifestThatCannotBeRead) {
  CheckpointManifest bad = Example();
  bad.files[0].name = "a/b";
  EXPECT_TRUE(absl::IsInvalidArgument(WriteManifest(scratch_.path(), bad)));
  EXPECT_TRUE(VerifyCheckpoint(scratch_.path()).ok());
}

}  // namespace
}  // namespace halfpipe
