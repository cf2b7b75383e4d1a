#include <string>

#include "common/config/job_config.h"
#include "common/config/schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

std::string Utf16(absl::string_view text, bool mark) {
  std::string wide = mark ? "\xff\xfe" : "";
  for (const char c : text) wide += {c, '\0'};
  return wide;
}

// What a command says of a job file with this text.
std::string SaidOf(const std::string& text) {
  return std::string(ParseJobConfig(text, "job.yaml").status().message());
}

TEST(TextEncodingTest, OtherEncodingsAreNamed) {
  EXPECT_THAT(SaidOf(Utf16("name: a\nlora: {rank: 4}\n", true)),
              HasSubstr("job.yaml: is UTF-16"));
  EXPECT_THAT(SaidOf(Utf16("name: a\nlora: {rank: 4}\n", false)),
              HasSubstr("job.yaml: is UTF-16"));
  EXPECT_THAT(SaidOf(std::string("\xfe\xff\0n\0a", 6)), HasSubstr("UTF-16"));
  EXPECT_THAT(SaidOf(std::string("\xff\xfe\0\0n\0\0\0", 8)),
              HasSubstr("UTF-32"));
  EXPECT_THAT(SaidOf(std::string("name: a\nx: b\0c\nyy: 12345\n", 24)),
              HasSubstr("job.yaml:2: holds a zero byte"));
}

// One sentence each, also in a remark, a key and a value.
TEST(TextEncodingTest, ABadByteIsNamedWithItsLine) {
  for (const char* line : {"# caf\xe9", "n\xe9: 1", "data: {path: /caf\xe9}"}) {
    const std::string said = SaidOf(std::string("name: a\n") + line + "\n");
    EXPECT_THAT(said, HasSubstr("job.yaml:2: byte 0xE9 is not UTF-8: '"));
    EXPECT_THAT(said, HasSubstr("\\xE9"));
    EXPECT_THAT(said, HasSubstr("save the file as UTF-8"));
    EXPECT_EQ(said.find('\n'), std::string::npos);
  }
}

TEST(TextEncodingTest, GoodTextHasNoProblem) {
  for (const char* text :
       {"", "name: caf\xc3\xa9\r\n", "\xef\xbb\xbfname: a\n",
        "a: \"\xe2\x80\x9cquoted\xe2\x80\x9d\"\n",
        "# \xe2\x80\x9cin a remark\xe2\x80\x9d\n",
        "a: 5  # says: \xe2\x80\x9cso\xe2\x80\x9d\n",
        "a: \"he says: \xe2\x80\x9cso\xe2\x80\x9d\"\n",
        "a: 'he says, \xe2\x80\x9cso\xe2\x80\x9d'  # [\n",
        "a: [\"x\\\": \xe2\x80\x9cy\"]\n", "a: b\tc\n", "\t\n"}) {
    EXPECT_FALSE(FindEncodingProblem(text).has_value()) << text;
    EXPECT_FALSE(FindTypographicQuote(text).has_value()) << text;
    EXPECT_FALSE(FindIndentingTab(text, 9).has_value()) << text;
  }
}

TEST(TextEncodingTest, TabsAndTypographicQuotesAreNamed) {
  EXPECT_THAT(SaidOf("name: a\ntrain:\n\tsteps: 2\n\tmicro_batches: 2\n"),
              HasSubstr("job.yaml:3: is indented by a tab"));
  EXPECT_THAT(SaidOf("name: a\ndata: {path: \xe2\x80\x9d/clips\xe2\x80\x9d}\n"),
              HasSubstr("job.yaml:2: 'data: {path: "));
  EXPECT_THAT(SaidOf("name: \xe2\x80\x98x\xe2\x80\x99\n"),
              HasSubstr("typographic quote"));
  for (const char* text :
       {"a: {b: 'x', c: \xe2\x80\x9dy\xe2\x80\x9d}\n", "- \xe2\x80\x9cy\n",
        "a: {b: it's, c: \xe2\x80\x9dy\xe2\x80\x9d}\n",
        "a: [x,  \xe2\x80\x9cy]\n"}) {
    EXPECT_TRUE(FindTypographicQuote(text).has_value()) << text;
  }
}

TEST(TextEncodingTest, LookAlikesAreNamedWithTheirCodes) {
  const auto said_of = [](const std::string& line) {
    return SaidOf("name: a\n" + line + "\nlora: {rank: 4}\n");
  };
  EXPECT_THAT(said_of("seed\uff1aold"),
              HasSubstr("job.yaml:2: 'seed\uff1aold' holds U+FF1A, which looks "
                        "like ':': write that and a blank"));
  for (const char* line :
       {"seed:\u00a0old", "\u00a0\u00a0seed: 1", "seed: \u00a0old",
        "seed: old\u00a0  # x", "data: {path:\u00a0/x}"}) {
    EXPECT_THAT(said_of(line), HasSubstr("job.yaml:2: '"));
    EXPECT_THAT(said_of(line), HasSubstr("U+00A0, which is no plain blank"));
  }
  EXPECT_THAT(said_of("se\u200bed: 1"),
              HasSubstr("U+200B, which cannot be seen: remove it"));
  EXPECT_THAT(said_of("\ufeffseed: 1"), HasSubstr("U+FEFF, which cannot"));
  EXPECT_THAT(said_of("data: {\u200bpath: /x}"), HasSubstr("U+200B"));
  for (const char* line :
       {"lr: 1e\u22124", "a: {b: [2, \u22121]}", "a: {b: x, c: \u22121}"}) {
    EXPECT_THAT(said_of(line),
                HasSubstr("holds U+2212, which looks like '-': write that"));
  }
  EXPECT_THAT(SaidOf("name: a\rlora:\r  rank: 4\r"),
              HasSubstr("job.yaml:1: ends a line with U+000D"));
}

TEST(TextEncodingTest, LookAlikesWithinTextMayStay) {
  for (const char* text :
       {"", "\ufeffname: a\n", "name: a\r\nb: c\r\n",
        "path: /a\uff1ab/c\u3000d\n", "path: \"\u00a0x\"\n",
        "a: b  # \u200b\uff1a\n", "# \uff1a\n", "a: {b: /x\uff1ay, c: 1}\n",
        "\u6570\u636e: x\n", "a: 1\u22122\u6570\n", "a:\n  - x\uff1ay\n"}) {
    EXPECT_FALSE(FindLookAlike(text).has_value()) << text;
  }
}

TEST(TextEncodingTest, SeveralDocumentsMayBeToml) {
  EXPECT_THAT(SaidOf("name: a\n---\nname: b\n"),
              HasSubstr("holds several YAML documents"));
  EXPECT_THAT(SaidOf("[general]\n\n[[datasets]]\n"),
              HasSubstr("looks like another tool's TOML"));
}

TEST(TextEncodingTest, AnEmptyFileIsCalledEmpty) {
  EXPECT_EQ(SaidOf(""), "job.yaml: is empty");
  EXPECT_EQ(SaidOf("\n  \r\n"), "job.yaml: is empty");
}

}  // namespace
}  // namespace halfpipe
