#include "common/data/media_path.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(UnicodeFormTest, NamesThatLookAlikeAreOne) {
  EXPECT_EQ(ComposedForm("cafe\xCC\x81.mp4"), "caf\xC3\xA9.mp4");
  EXPECT_EQ(ComposedForm("caf\xC3\xA9.mp4"), "caf\xC3\xA9.mp4");
  // Two accents on one letter, in either order of their bytes.
  EXPECT_EQ(ComposedForm("e\xCC\x82\xCC\xA3"), ComposedForm("\xE1\xBB\x87"));
  EXPECT_EQ(ComposedForm("e\xCC\xA3\xCC\x82"), "\xE1\xBB\x87");
  // Hangul and kana, which macOS takes apart too.
  EXPECT_EQ(ComposedForm("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8"),
            "\xEA\xB0\x81");
  EXPECT_EQ(ComposedForm("\xE3\x81\x8B\xE3\x82\x99"), "\xE3\x81\x8C");
}

TEST(UnicodeFormTest, WhatOnlyResemblesStaysApart) {
  EXPECT_EQ(ComposedForm("clip-1.mp4"), "clip-1.mp4");
  EXPECT_EQ(ComposedForm(""), "");
  EXPECT_NE(ComposedForm("caf\xC3\xA9"), "cafe");
  EXPECT_EQ(ComposedForm("\xEF\xBC\xA1"), "\xEF\xBC\xA1");  // full width
}

TEST(UnicodeFormTest, BytesThatAreNoTextStayAsTheyAre) {
  EXPECT_EQ(ComposedForm("caf\xE9.mp4"), "caf\xE9.mp4");
  EXPECT_EQ(ComposedForm(absl::string_view("\xC3\xA9\0e\xCC\x81", 6)),
            std::string("\xC3\xA9\0\xC3\xA9", 5));
}

}  // namespace
}  // namespace halfpipe
