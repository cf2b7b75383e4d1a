#include "stage/encoders/mojibake.h"

#include <gtest/gtest.h>

#include "stage/encoders/misread_signs.h"
#include "stage/encoders/utf8_text.h"
#include "stage/encoders/windows_1252.h"

namespace halfpipe {
namespace {

std::string Misread(const std::string& bytes) {
  std::u32string text;
  for (const char byte : bytes) {
    text.push_back(FromWindows1252(static_cast<unsigned char>(byte)));
  }
  return EncodeUtf8(text);
}

std::string Fixed(const std::string& text) {
  return EncodeUtf8(FixMojibake(DecodeUtf8(text)));
}

TEST(MojibakeTest, UndoesOneAndMoreRounds) {
  const std::string text = "naïve café “quoted” 猫 😀";
  std::string misread = text;
  for (int rounds = 0; rounds < 3; ++rounds) {
    misread = Misread(misread);
    EXPECT_EQ(Fixed(misread), text);
  }
}

TEST(MojibakeTest, RepairsOnlyTheMisreadPart) {
  EXPECT_EQ(Fixed("猫 " + Misread("é") + " ok"), "猫 é ok");
}

TEST(MojibakeTest, LeavesGoodTextAlone) {
  for (const char* text :
       {"plain", "São Tomé", "CAFÉ…", "«été»", "Ærøskøbing", "È’", "naïve™"}) {
    EXPECT_EQ(Fixed(text), text);
  }
}

TEST(MojibakeTest, AllowsForLostBytesAndSpaces) {
  EXPECT_EQ(Fixed("quoted â€œ like this â€\uFFFD"),
            "quoted “ like this \uFFFD");
  EXPECT_EQ(Fixed("voilÃ  le travail"), "voilà le travail");
}

TEST(MisreadSignsTest, JudgesPairsAndTriples) {
  for (const char* text : {"Ã©", "â€œ", "É±", "ü€", "\u0093", "a É€", "É«²"}) {
    EXPECT_TRUE(LooksMisread(DecodeUtf8(text))) << text;
  }
  for (const char* text :
       {"", "É", "É“", "é…»", "20° C", "É 5€", "Ærø", "猫é"}) {
    EXPECT_FALSE(LooksMisread(DecodeUtf8(text))) << text;
  }
}

TEST(Windows1252Test, RoundTrips) {
  for (char32_t byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(ToWindows1252(FromWindows1252(byte)), byte);
  }
  EXPECT_FALSE(ToWindows1252(U'猫').has_value());
}

}  // namespace
}  // namespace halfpipe
