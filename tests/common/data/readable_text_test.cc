#include "common/data/readable_text.h"

#include "absl/strings/str_cat.h"
#include "common/data/media_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ReadableTextTest, BytesThatAreNoCharactersAreShownAsEscapes) {
  EXPECT_EQ(Shown("caf\xE9.mp4"), "caf\\xE9.mp4");
  EXPECT_EQ(Shown("a\nb\x7F\xC2\x9B"), "a\\x0Ab\\x7F\\xC2\\x9B");
  EXPECT_EQ(Shown("\xE4\xB8\x80\xE5\x8F"), "\xE4\xB8\x80\\xE5\\x8F");
  EXPECT_EQ(Shown("caf\xC3\xA9 \xF0\x9F\x98\x80"),
            "caf\xC3\xA9 \xF0\x9F\x98\x80");
  EXPECT_EQ(Shown(absl::string_view("a\0b", 3)), "a\\x00b");
}

TEST(ReadableTextTest, WhatIsShownIsAlwaysUtf8) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    all += static_cast<char>(byte * 7);
  }
  for (size_t begin = 0; begin < all.size(); ++begin) {
    EXPECT_TRUE(IsUtf8(Shown(absl::string_view(all).substr(begin))));
  }
}

TEST(ReadableTextTest, BlanksOfAllKinds) {
  EXPECT_TRUE(IsBlank(""));
  EXPECT_TRUE(IsBlank(" \t\r\n"));
  EXPECT_TRUE(IsBlank("\xEF\xBB\xBF \xC2\xA0\xE3\x80\x80\xE2\x80\x8B"));
  EXPECT_FALSE(IsBlank("\xC2\xA0x"));
  EXPECT_FALSE(IsBlank("\xC3\xA9"));
}

TEST(ReadableTextTest, OtherEncodingsAreNamed) {
  EXPECT_EQ(TextProblem("a cat, caf\xC3\xA9"), "");
  EXPECT_EQ(TextProblem("\xEF\xBB\xBF"
                        "a"),
            "");
  EXPECT_THAT(TextProblem(absl::string_view("\xFF\xFE"
                                            "a\0b\0",
                                            6)),
              HasSubstr("is UTF-16, not UTF-8"));
  EXPECT_THAT(TextProblem(absl::string_view("\xFE\xFF\0a", 4)),
              HasSubstr("is UTF-16"));
  EXPECT_THAT(TextProblem(absl::string_view("\xFF\xFE\0\0a\0\0\0", 8)),
              HasSubstr("is UTF-32"));
  EXPECT_THAT(TextProblem(absl::string_view("a\0b\0c\0", 6)),
              HasSubstr("as UTF-16 is"));
  EXPECT_THAT(TextProblem("caf\xE9"), HasSubstr("is not UTF-8: 'caf\\xE9'"));
  EXPECT_THAT(TextProblem(absl::string_view("a \0cat in a hat", 15)),
              HasSubstr("holds a NUL byte"));
  EXPECT_THAT(TextProblem("version https://git-lfs.github.com/spec/v1\n"),
              HasSubstr("git lfs pull"));
  for (const char* page :
       {"<!DOCTYPE html>\n<title>404</title>", "\xEF\xBB\xBF\n <HTML><body>"}) {
    EXPECT_THAT(TextProblem(page), HasSubstr("is a web page"));
  }
  EXPECT_EQ(TextProblem("a page that begins with <html>"), "");
}

TEST(ReadableTextTest, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(Shortened("a cat", 5), "a cat");
  EXPECT_EQ(Shortened("a cat", 3), "a c...");
  EXPECT_EQ(Shortened("caf\xC3\xA9", 4), "caf...");
  EXPECT_EQ(Shortened("\xE7\x8C\xAB", 2), "...");
  EXPECT_EQ(Shortened(std::string(2000, 'x')).size(), 1003u);
}

TEST(ReadableTextTest, AnExcerptIsShortAndShowsTheBytes) {
  const std::string problem = TextProblem(
      absl::StrCat(std::string(5000, 'x'), "caf\xE9", std::string(5000, 'y')));
  EXPECT_THAT(problem, HasSubstr("xcaf\\xE9y"));
  EXPECT_LT(problem.size(), 400u);
}

TEST(ReadableTextTest, ScriptsThatNobodyMixes) {
  EXPECT_TRUE(MixesScripts("\xD2\xBB\xD6\xBB\xC3\xA8"));  // GBK
  EXPECT_FALSE(
      MixesScripts("a caf\xC3\xA9 at 20 \xC2\xB0"
                   "C"));
  EXPECT_FALSE(MixesScripts("\xD0\xBA\xD0\xBE\xD1\x82 \xC3\xA9"));
  EXPECT_FALSE(MixesScripts("\xE4\xB8\x80\xE5\x8F\xAA\xE7\x8C\xAB"));
}

TEST(ReadableTextTest, LinesOfAFile) {
  EXPECT_THAT(TextProblemsOfFile("a\nb\n", "m.csv"), IsEmpty());
  EXPECT_THAT(
      TextProblemsOfFile("a\ncaf\xE9.mp4,x\n", "m.csv"),
      ElementsAre(HasSubstr("m.csv:2: is not UTF-8: 'caf\\xE9.mp4,x'")));
  std::string many;
  for (int i = 0; i < 828; ++i) many += "\xD2\xBB\xB9\xB7\n";
  const auto problems = TextProblemsOfFile(many, "m.csv");
  ASSERT_EQ(problems.size(), 6u);
  EXPECT_EQ(problems[5], "m.csv: and 823 more lines that are not UTF-8");
}

}  // namespace
}  // namespace halfpipe
