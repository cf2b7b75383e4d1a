#include "common/store/peft_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/strict_json.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(PeftConfigTest, ReadsTheScale) {
  ScratchFolder scratch;
  std::string path = scratch.Write("c", R"({"r": 16, "lora_alpha": 8,
      "rank_pattern": {}, "use_dora": false, "target_modules": ["q"]})");
  auto scale = ReadPeftScale(path).value();
  ASSERT_TRUE(scale.has_value());
  EXPECT_EQ(scale->rank, 16);
  EXPECT_EQ(scale->scale, 0.5);
  scratch.Write("c", R"({"r": 16, "lora_alpha": 8, "use_rslora": true})");
  EXPECT_EQ(ReadPeftScale(path).value()->scale, 2.0);
}

TEST(PeftConfigTest, NoFileIsNoScale) {
  ScratchFolder scratch;
  EXPECT_EQ(ReadPeftScale(scratch / "none").value().has_value(), false);
}

TEST(PeftConfigTest, NamesWhatIsNotSupported) {
  ScratchFolder scratch;
  std::string path = scratch.Write(
      "c", R"({"r": 4, "lora_alpha": 4, "alpha_pattern": {"q": 8}})");
  absl::Status status = ReadPeftScale(path).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("\"alpha_pattern\""));
  scratch.Write("c", R"({"r": 4, "lora_alpha": 4,
                         "init_lora_weights": "pissa_niter_4"})");
  EXPECT_THAT(MessageOf(ReadPeftScale(path).status()),
              HasSubstr("\"init_lora_weights\" is \"pissa_niter_4\""));
  for (const char* start :
       {"true", "false", "null", "\"gaussian\"", "\"eva\""}) {
    scratch.Write("c", absl::StrCat(R"({"r": 4, "lora_alpha": 4,
                                     "init_lora_weights": )",
                                    start, "}"));
    EXPECT_TRUE(ReadPeftScale(path).ok()) << start;
  }
  for (const char* text :
       {"", "[]", "{}", R"({"r": 0, "lora_alpha": 1})",
        R"({"r": 4, "lora_alpha": 0})", R"({"r": 4, "lora_alpha": -4})"}) {
    scratch.Write("c", text);
    EXPECT_TRUE(absl::IsInvalidArgument(ReadPeftScale(path).status())) << text;
  }
}

TEST(PeftConfigTest, WhatItWritesHasScaleOne) {
  ScratchFolder scratch;
  std::string path = scratch.Write("c", PeftConfig(32, {"blocks.0.ffn.0"}));
  EXPECT_EQ(ReadPeftScale(path).value()->scale, 1.0);
  EXPECT_THAT(ReadFile(path).value(), HasSubstr("\"blocks.0.ffn.0\""));
}

}  // namespace
}  // namespace halfpipe
