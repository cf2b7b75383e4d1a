#include "stage/encoders/html_entities.h"

#include <gtest/gtest.h>

#include "stage/encoders/utf8_text.h"

namespace halfpipe {
namespace {

std::string Unescaped(const char* text) {
  return EncodeUtf8(UnescapeHtml(DecodeUtf8(text)));
}

std::string UnescapedClosed(const char* text) {
  return EncodeUtf8(UnescapeClosedHtml(DecodeUtf8(text)));
}

// Expected values from Python's html.unescape.
TEST(HtmlEntitiesTest, DecodesAsBrowsersDo) {
  EXPECT_EQ(Unescaped("&lt;&amp&gt &quot;"), "<&> \"");
  EXPECT_EQ(Unescaped("&notit; &notin;"), "¬it; ∉");
  EXPECT_EQ(Unescaped("&#128;&#x80;&#65;&#x42"), "€€AB");
  EXPECT_EQ(Unescaped("&#0;&#xD800;&#x110000;"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(Unescaped("[&#1;&#xFFFE;]"), "[]");
  EXPECT_EQ(Unescaped("&NotEqualTilde;"), "\u2242\u0338");
  EXPECT_EQ(Unescaped("& &; &#; &#x; &unknown; &"),
            "& &; &#; &#x; &unknown; &");
  EXPECT_EQ(Unescaped("&#99999999999999999999999999;"), "\uFFFD");
  EXPECT_EQ(Unescaped("&zwnj;&AElig;"), "\u200CÆ");
}

TEST(HtmlEntitiesTest, ClosedFormLeavesOpenReferences) {
  EXPECT_EQ(UnescapedClosed("this&not that &amp &amp;"),
            "this&not that &amp &");
  EXPECT_EQ(UnescapedClosed("P&EACUTE;REZ &SZLIG; &nTILDE;"),
            "PÉREZ SS &nTILDE;");
  EXPECT_EQ(UnescapedClosed("&#65 &#65; &#x41;"), "&#65 A A");
  EXPECT_EQ(UnescapedClosed("&FFILIG;"), "FFI");
}

}  // namespace
}  // namespace halfpipe
