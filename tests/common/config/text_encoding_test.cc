#include "common/config/text_encoding.h"

#include <string>

#include "common/config/job_config.h"
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

TEST(TextEncodingTest, AnEmptyFileIsCalledEmpty) {
  EXPECT_EQ(SaidOf(""), "job.yaml: is empty");
  EXPECT_EQ(SaidOf("\n  \r\n"), "job.yaml: is empty");
}

}  // namespace
}  // namespace halfpipe
