#include "stage/encoders/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/store/scratch_folder.h"
#include "stage/encoders/sentence_pieces.h"
#include "stage/encoders/text_golden.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(TokenizerTest, CountsWhatItWouldCut) {
  const auto tokenizer = Tokenizer::Load(GoldenPath("spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ(*tokenizer->CountTokens(""), 1);
  std::string text = "a cat";
  const auto shorter = tokenizer->Tokenize(text);
  ASSERT_TRUE(shorter.ok()) << shorter.status();
  EXPECT_EQ(*tokenizer->CountTokens(text), shorter->length);
  // One more word than fits: the count goes on where the ids end.
  while (*tokenizer->CountTokens(text) <= kPromptTokens) text += " a cat";
  const auto cut = tokenizer->Tokenize(text);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->length, kPromptTokens);
  EXPECT_GT(*tokenizer->CountTokens(text), kPromptTokens);
  EXPECT_GT(*tokenizer->CountTokens(text + text),
            2 * *tokenizer->CountTokens(text) - 4);
}

TEST(TokenizerTest, KnowsHowManyPiecesThereAre) {
  const auto tokenizer = Tokenizer::Load(GoldenPath("spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_GT(tokenizer->vocabulary(), 100);
}

class WrongTokenizerTest : public ::testing::Test {
 protected:
  static std::string Refusal(const std::string& path) {
    const absl::Status status = Tokenizer::Load(path).status();
    EXPECT_FALSE(status.ok()) << path;
    // No word of the library's own.
    EXPECT_THAT(std::string(status.message()),
                Not(HasSubstr("sentencepiece_processor")));
    return std::string(status.message());
  }

  ScratchFolder scratch_;
};

TEST_F(WrongTokenizerTest, NamesTheFileThatIsMissing) {
  EXPECT_EQ(Tokenizer::Load("/nonexistent").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(Refusal("/nonexistent"),
              HasSubstr("/nonexistent does not exist"));
  EXPECT_THAT(Refusal(scratch_.path()),
              AllOf(HasSubstr(scratch_.path() + " holds no spiece.model"),
                    HasSubstr("google/umt5-xxl")));
}

TEST_F(WrongTokenizerTest, SaysWhatAFolderHoldsInstead) {
  scratch_.Write("tokenizer.json", "{}");
  EXPECT_THAT(Refusal(scratch_.path()),
              HasSubstr("a tokenizer.json is not read: put google/umt5-xxl's "
                        "spiece.model beside it"));
  std::filesystem::create_directories(scratch_ / "google/umt5-xxl");
  std::filesystem::copy_file(GoldenPath("spiece.model"),
                             scratch_ / "google/umt5-xxl/spiece.model");
  EXPECT_THAT(
      Refusal(scratch_.path()),
      HasSubstr("write " + (scratch_ / "google/umt5-xxl/spiece.model")));
  std::filesystem::create_symlink("../blobs/4d7a", scratch_ / "spiece.model");
  EXPECT_THAT(Refusal(scratch_.path()),
              HasSubstr("spiece.model is a link to ../blobs/4d7a"));
}

TEST_F(WrongTokenizerTest, AFolderThatMayNotBeEntered) {
  if (geteuid() == 0) GTEST_SKIP() << "root may enter everything";
  const std::string folder = scratch_ / "tokenizer";
  std::filesystem::create_directories(folder);
  ASSERT_EQ(chmod(folder.c_str(), 0), 0);
  EXPECT_THAT(Refusal(folder), HasSubstr("permission denied"));
  ASSERT_EQ(chmod(folder.c_str(), 0700), 0);
}

TEST_F(WrongTokenizerTest, SaysWhatAFileIsInstead) {
  EXPECT_THAT(Refusal(scratch_.Write(
                  "a", "version https://git-lfs.github.com/spec/v1\n")),
              HasSubstr("is a Git LFS pointer"));
  EXPECT_THAT(Refusal(scratch_.Write("b", "")), HasSubstr("is empty"));
  EXPECT_THAT(Refusal(scratch_.Write("c.json", "{\"version\": \"1.0\"}")),
              HasSubstr("is JSON text"));
  EXPECT_THAT(Refusal(GoldenPath("umt5.pth")), HasSubstr("torch.save"));
  EXPECT_THAT(Refusal(GoldenPath("vae_names.tsv")),
              HasSubstr("is no SentencePiece model"));
  // Half a download of the right file.
  std::filesystem::copy_file(GoldenPath("spiece.model"), scratch_ / "d.model");
  std::filesystem::resize_file(scratch_ / "d.model", 3000);
  EXPECT_THAT(Refusal(scratch_ / "d.model"),
              HasSubstr("d.model is no SentencePiece model"));
}

}  // namespace
}  // namespace halfpipe
