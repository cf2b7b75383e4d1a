#include "stage/job/caption_lengths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stage/encoders/tokenized_prompt.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CaptionLengthsTest : public ::testing::Test {
 protected:
  std::vector<std::string> Warnings(const std::vector<std::string>& captions) {
    std::vector<Sample> rows;
    for (size_t i = 0; i < captions.size(); ++i) {
      rows.push_back({.row = static_cast<int64_t>(i),
                      .media_path = "clip.mp4",
                      .prompt = captions[i],
                      .where = absl::StrCat("metadata.csv:", i + 2)});
    }
    const auto warnings = LongCaptionWarnings(tokenizer_, rows);
    EXPECT_TRUE(warnings.ok()) << warnings.status();
    return warnings.value_or(std::vector<std::string>{});
  }

  int64_t Count(const std::string& caption) const {
    return *tokenizer_.CountTokens(caption);
  }

  const Tokenizer tokenizer_ =
      *Tokenizer::Load("tests/stage/encoders/goldens/spiece.model");
};

TEST_F(CaptionLengthsTest, TheLimitIsTheModels) {
  std::string caption = "a cat";
  while (Count(caption + " a cat") <= kPromptTokens) caption += " a cat";
  EXPECT_THAT(Warnings({caption}), IsEmpty());
  caption += " a cat";
  const auto warnings = Warnings({"short", caption});
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(warnings[0],
            absl::StrCat("metadata.csv:3: the caption has ", Count(caption),
                         " tokens, and the model reads 512: what comes after "
                         "them is not trained; shorten it"));
}

// What is not counted must be short whatever it holds.
TEST_F(CaptionLengthsTest, NothingLongIsTakenForShort) {
  for (const char* unit : {"\xef\xb7\xba", "&#xFDFA;", "&ngE;", "x", "  ",
                           "\xff", "\xf0\x9f\xa6\x8a", "Ã©"}) {
    std::string caption;
    for (int i = 0; i < 3000 && Count(caption) <= kPromptTokens; ++i) {
      caption += unit;
    }
    EXPECT_EQ(Warnings({caption}).size(),
              Count(caption) > kPromptTokens ? 1u : 0u)
        << unit;
  }
}

TEST_F(CaptionLengthsTest, AFewAreNamedAndTheRestCounted) {
  std::vector<std::string> captions;
  for (int i = 0; i < 30; ++i) {
    captions.push_back(absl::StrCat(i, std::string(3000, 'x')));
  }
  const auto warnings = Warnings(captions);
  ASSERT_THAT(warnings, SizeIs(21));
  EXPECT_THAT(warnings.back(),
              HasSubstr("metadata.csv:22: the first of 10 more "
                        "captions with over 512 tokens"));
}

}  // namespace
}  // namespace halfpipe
