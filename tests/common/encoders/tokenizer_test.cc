#include "common/encoders/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/encoders/sentence_pieces.h"
#include "common/encoders/text_golden.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(TokenizerTest, EqualsTheReferenceOnEveryPrompt) {
  const auto tokenizer = Tokenizer::Load(GoldenPath("spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const nlohmann::json golden = ReadTextGolden();
  ASSERT_FALSE(golden.at("prompts").empty());
  for (const nlohmann::json& row : golden.at("prompts")) {
    const auto prompt = row.at("prompt").get<std::string>();
    auto expected = row.at("ids").get<std::vector<int32_t>>();
    const auto tokenized = tokenizer->Tokenize(prompt);
    ASSERT_TRUE(tokenized.ok()) << tokenized.status();
    EXPECT_EQ(tokenized->length, expected.size()) << prompt;
    expected.resize(kPromptTokens, 0);
    EXPECT_EQ(tokenized->ids, expected) << prompt;
  }
}

TEST(TokenizerTest, LongTextKeepsEndOfSequenceLast) {
  const auto tokenizer = Tokenizer::Load(GoldenPath(""));  // a folder
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto tokenized = tokenizer->Tokenize(std::string(5000, 'x'));
  ASSERT_TRUE(tokenized.ok()) << tokenized.status();
  EXPECT_EQ(tokenized->length, kPromptTokens);
  EXPECT_EQ(tokenized->ids.back(), 1);
  EXPECT_EQ(std::count(tokenized->ids.begin(), tokenized->ids.end(), 1), 1);
}

TEST(TokenizerTest, EmptyPromptIsEndOfSequence) {
  const auto tokenizer = Tokenizer::Load(GoldenPath("spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto tokenized = tokenizer->Tokenize("");
  ASSERT_TRUE(tokenized.ok()) << tokenized.status();
  EXPECT_EQ(tokenized->length, 1);
  EXPECT_EQ(tokenized->ids[0], 1);
}

TEST(SentencePiecesTest, LoadsOrSaysWhyNot) {
  EXPECT_EQ(SentencePieces::Load(GoldenPath("text.json")).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto pieces = SentencePieces::Load(GoldenPath("spiece.model"));
  ASSERT_TRUE(pieces.ok()) << pieces.status();
  EXPECT_EQ((*pieces)->pad_id(), 0);
  EXPECT_EQ((*pieces)->eos_id(), 1);
  const auto ids = (*pieces)->Encode("a cat");
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_FALSE(ids->empty());
}

// One character of three bytes that normalisation spells out as eighteen.
TEST(SentencePiecesTest, TextMayGrow) {
  const auto pieces = SentencePieces::Load(GoldenPath("spiece.model"));
  ASSERT_TRUE(pieces.ok()) << pieces.status();
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\xef\xb7\xba";
  const auto ids = (*pieces)->Encode(text);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_GT(ids->size(), text.size());
}

TEST(TokenizerTest, SaysWhichFileIsMissingOrWrong) {
  const absl::Status missing = Tokenizer::Load("/nonexistent").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("/nonexistent"));
  const absl::Status wrong = Tokenizer::Load(GoldenPath("text.json")).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("text.json"));
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("whole?"));
  // The library's own words name its source lines.
  EXPECT_EQ(wrong.message().find("sentencepiece_processor.cc"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace halfpipe
