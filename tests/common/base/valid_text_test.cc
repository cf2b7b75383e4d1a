#include "common/base/valid_text.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(ValidTextTest, WhatIsUtf8StaysAsItIs) {
  for (const char* text :
       {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "a\\xE9"}) {
    EXPECT_EQ(FirstInvalidByte(text), std::nullopt) << text;
    EXPECT_EQ(ValidText(text), text);
  }
  const std::string with_zero("a\0b", 3);
  EXPECT_EQ(ValidText(with_zero), with_zero);
}

TEST(ValidTextTest, OtherBytesAreShown) {
  EXPECT_EQ(ValidText("caf\xe9.mp4"), "caf\\xE9.mp4");
  EXPECT_EQ(ValidText("\xe9"), "\\xE9");
  EXPECT_EQ(ValidText("\xe9\xa8z"), "\\xE9\\xA8z");
  EXPECT_EQ(ValidText("\xff\xfe\x41"),
            "\\xFF\\xFE"
            "A");
}

// Each of them is refused by protobuf too.
TEST(ValidTextTest, FindsTheFirstBadByte) {
  struct Case {
    const char* text;
    size_t at;
  };

  for (const Case& c : {Case{"a\x80", 1},         // a lone continuation
                        {"ab\xc3", 2},            // cut off
                        {"\xc0\xaf", 0},          // overlong
                        {"\xe0\x80\xaf", 0},      // overlong
                        {"x\xed\xa0\x80", 1},     // a surrogate
                        {"\xf0\x80\x80\xaf", 0},  // overlong
                        {"\xf4\x90\x80\x80", 0},  // past U+10FFFF
                        {"\xf5\x80\x80\x80", 0}}) {
    EXPECT_EQ(FirstInvalidByte(c.text), c.at);
  }
}

}  // namespace
}  // namespace halfpipe
