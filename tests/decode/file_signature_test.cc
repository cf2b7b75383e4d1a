#include <string>

#include "absl/strings/str_cat.h"
#include "decode/frame_source.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

std::string Box(const std::string& brands) {
  return absl::StrCat(std::string("\0\0\0\x20", 4), "ftyp", brands,
                      std::string(16, '\0'));
}

std::string Webp(const std::string& chunk, char flags) {
  return absl::StrCat(std::string("RIFF\x10\0\0\0WEBP", 12), chunk,
                      std::string("\x0A\0\0\0", 4), std::string(1, flags),
                      std::string(9, '\0'));
}

TEST(FileSignatureTest, ByTheFirstBytes) {
  EXPECT_EQ(SignatureOf(Box("heicmif1")), FileSignature::kHeif);
  EXPECT_EQ(SignatureOf(Box("mif1heic")), FileSignature::kHeif);
  EXPECT_EQ(SignatureOf(Box("avifmif1")), FileSignature::kHeif);
  // A sequence names the still brands, too.
  EXPECT_EQ(SignatureOf(Box("avisavif")), FileSignature::kOther);
  EXPECT_EQ(SignatureOf(Box("isomavif")), FileSignature::kOther);
  EXPECT_EQ(SignatureOf(Webp("VP8X", 0x12)), FileSignature::kAnimatedWebp);
  EXPECT_EQ(SignatureOf(Webp("VP8X", 0x10)), FileSignature::kOther);
  EXPECT_EQ(SignatureOf(Webp("VP8L", 0x02)), FileSignature::kOther);
  EXPECT_EQ(SignatureOf("\x89PNG\r\n\x1a\n"), FileSignature::kOther);
}

TEST(FileSignatureTest, WhatIsNotReadIsNamed) {
  EXPECT_EQ(UnreadKindOf(std::string("\0\0\0\x0CJXL \r\n", 10)),
            "a JPEG XL picture; convert it to PNG");
  EXPECT_EQ(UnreadKindOf("\xFF\x0A..."),
            "a JPEG XL picture; convert it to PNG");
  EXPECT_EQ(UnreadKindOf(std::string("\0\0\0\x0CjP  \r\n", 10)),
            "a JPEG 2000 picture; convert it to PNG");
  EXPECT_EQ(UnreadKindOf(std::string("\0\0\1\0\1\0", 6)),
            "an icon (ICO); convert it to PNG");
  EXPECT_EQ(UnreadKindOf("PK\3\4..."), "a ZIP archive; unpack it");
  EXPECT_EQ(UnreadKindOf("\x1F\x8B\x08"), "packed by gzip; unpack it");
  EXPECT_EQ(UnreadKindOf("version https://git-lfs.github.com/spec/v1\n"),
            "a pointer of Git LFS; fetch the file with git lfs pull");
  // A program stream, a TIFF, a JPEG, a film, too little.
  for (const std::string& read :
       {std::string("\0\0\1\xBA", 4), std::string("II*\0", 4),
        std::string("\xFF\xD8\xFF\xE0"), Box("isom"), std::string("\xFF"),
        std::string()}) {
    EXPECT_EQ(UnreadKindOf(read), "");
  }
}

TEST(FileSignatureTest, EveryBeginningIsSomething) {
  for (const std::string& head : {Box("heic"), Webp("VP8X", 2)}) {
    for (size_t n = 0; n < 12; ++n) {
      EXPECT_EQ(SignatureOf(head.substr(0, n)), FileSignature::kOther) << n;
    }
    for (size_t n = 12; n <= head.size(); ++n) {
      (void)SignatureOf(head.substr(0, n));
    }
  }
}

}  // namespace
}  // namespace halfpipe
