#include "stage/encoders/text_cleaning.h"

#include <gtest/gtest.h>

#include <string>

#include "stage/encoders/text_golden.h"

namespace halfpipe {
namespace {

TEST(TextCleaningTest, EqualsFtfyAndHtmlOnEveryPrompt) {
  const nlohmann::json golden = ReadTextGolden();
  ASSERT_GT(golden.at("prompts").size(), 40);
  for (const nlohmann::json& row : golden.at("prompts")) {
    const auto prompt = row.at("prompt").get<std::string>();
    EXPECT_EQ(CleanPrompt(prompt), row.at("cleaned").get<std::string>())
        << prompt;
  }
}

// Sentences of many languages as they are, misread once and misread twice.
TEST(TextCleaningTest, EqualsFtfyOnMisreadText) {
  const nlohmann::json golden = ReadTextGolden();
  ASSERT_GT(golden.at("misread").size(), 80);
  for (const nlohmann::json& row : golden.at("misread")) {
    const auto prompt = row.at("prompt").get<std::string>();
    EXPECT_EQ(CleanPrompt(prompt), row.at("cleaned").get<std::string>())
        << prompt;
  }
}

TEST(TextCleaningTest, BadUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(CleanPrompt("a\xFF\xFE b"), "a\uFFFD\uFFFD b");
  EXPECT_EQ(CleanPrompt("cut \xE4\xB8"), "cut \uFFFD\uFFFD");
}

TEST(TextCleaningTest, IsIdempotentOnOrdinaryText) {
  const std::string once = CleanPrompt("  A “fox” — 狐　&eacute; ");
  EXPECT_EQ(once, "A \"fox\" — 狐 é");
  EXPECT_EQ(CleanPrompt(once), once);
}

}  // namespace
}  // namespace halfpipe
