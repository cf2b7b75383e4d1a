#include "client/demo/demo_tokenizer.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// SentencePiece itself reads such a file in tests/e2e/demo_test.sh and
// wheel_test.sh: no library of the command line's does.
TEST(DemoTokenizerTest, SpecialPiecesComeFirst) {
  const DemoTokenizer tokenizer = MakeDemoTokenizer({});
  // Field 1 of the model, 14 bytes: a piece, its score 0, a control.
  EXPECT_EQ(tokenizer.model.substr(0, 16),
            std::string("\x0a\x0e\x0a\x05<pad>\x15\0\0\0\0\x18\x03", 16));
  // 4 special ones, 256 bytes, the blank, 94 signs.
  EXPECT_EQ(tokenizer.pieces, 355);
}

TEST(DemoTokenizerTest, EachWordOfTheCaptionsIsOnePiece) {
  const DemoTokenizer tokenizer =
      MakeDemoTokenizer({"a red ball, slowly", "a red cube: slowly"});
  EXPECT_EQ(tokenizer.pieces, 355 + 5);
  for (const char* word : {"a", "red", "ball", "slowly", "cube"}) {
    EXPECT_THAT(tokenizer.model, HasSubstr(std::string("\u2581") + word));
  }
  EXPECT_THAT(tokenizer.model, Not(HasSubstr("ball,")));
}

TEST(DemoTokenizerTest, TheSameCaptionsGiveTheSameBytes) {
  EXPECT_EQ(MakeDemoTokenizer({"one two"}).model,
            MakeDemoTokenizer({"one two"}).model);
  EXPECT_EQ(MakeDemoTokenizer({"one", "two"}).model,
            MakeDemoTokenizer({"two", "one"}).model);
}

}  // namespace
}  // namespace halfpipe
