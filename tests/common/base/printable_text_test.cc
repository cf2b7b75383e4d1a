#include "common/base/printable_text.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(PrintableTextTest, WhatPeopleWriteStaysAsItIs) {
  for (const char* text :
       {"", "plain ~ \\x1B", "caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xf0\x9f\x98\x80",
        // A family and Persian are written with joiners.
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa6",
        "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"}) {
    EXPECT_EQ(FirstUnprintable(text), std::nullopt) << text;
    EXPECT_EQ(PrintableText(text), text);
    EXPECT_TRUE(CheckPrintable("it", text, 100).ok());
  }
}

TEST(PrintableTextTest, WhatATerminalObeysIsShown) {
  EXPECT_EQ(PrintableText("a\x1b]2;title\x07"), "a\\x1B]2;title\\x07");
  EXPECT_EQ(PrintableText("a\r\nb\tc\x7f"), "a\\x0D\\x0Ab\\x09c\\x7F");
  EXPECT_EQ(PrintableText(absl::string_view("a\0b", 3)), "a\\x00b");

  struct Case {
    const char* text;
    const char* shown;
  };

  for (const Case& c : {Case{"\xc2\x9b"
                             "31m",
                             "\\xC2\\x9B31m"},  // CSI in one character
                        {"\xe2\x80\xae", "\\xE2\\x80\\xAE"},  // override
                        {"\xe2\x81\xa6", "\\xE2\\x81\\xA6"},  // isolate
                        {"\xd8\x9c", "\\xD8\\x9C"},
                        {"\xe2\x80\xa8", "\\xE2\\x80\\xA8"},  // a line's end
                        {"\xe2\x80\x8b", "\\xE2\\x80\\x8B"},  // no width
                        {"\xef\xbb\xbf", "\\xEF\\xBB\\xBF"},
                        {"\xf3\xa0\x80\xa1", "\\xF3\\xA0\\x80\\xA1"},  // a tag
                        {"\xe9", "\\xE9"}}) {
    const std::string text = absl::StrCat("a", c.text, "b");
    EXPECT_EQ(FirstUnprintable(text), 1u) << c.shown;
    EXPECT_EQ(PrintableText(text), absl::StrCat("a", c.shown, "b"));
    EXPECT_TRUE(absl::IsInvalidArgument(CheckPrintable("it", text, 100)));
  }
}

TEST(PrintableTextTest, FurtherLinesAreIndented) {
  EXPECT_EQ(PrintableLines("a\nb\x1b\n"), "a\n  b\\x1B\n  ");
  EXPECT_EQ(PrintableLines("a\r\nb", ""), "a\\x0D\nb");
  EXPECT_EQ(PrintableLines("", "  "), "");
}

TEST(PrintableTextTest, JsonStaysTheSameJson) {
  EXPECT_EQ(PrintableJson("{\n \"a\": \"\xc2\x9b\x7f caf\xc3\xa9\"\n}"),
            "{\n \"a\": \"\\u009B\\u007F caf\xc3\xa9\"\n}");
  EXPECT_EQ(PrintableJson("\"\xe2\x80\xae\xf3\xa0\x80\xa1\""),
            "\"\\u202E\\uDB40\\uDC21\"");
}

TEST(PrintableTextTest, RefusalsNameTheirReason) {
  const absl::Status bad = CheckPrintable("a pair's name", "x\x1b[2J", 10);
  EXPECT_THAT(std::string(bad.message()), HasSubstr("a pair's name"));
  EXPECT_THAT(std::string(bad.message()), HasSubstr("x\\x1B[2J"));
  const absl::Status lengthy = CheckPrintable("a label", "12345", 4);
  EXPECT_THAT(std::string(lengthy.message()), HasSubstr("4 bytes"));
}

}  // namespace
}  // namespace halfpipe
