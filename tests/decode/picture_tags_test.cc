#include "decode/picture_tags.h"

#include <optional>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/data/temporary_folder.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (int value : values) bytes += static_cast<char>(value);
  return bytes;
}

std::string Big32(size_t v) {
  return Bytes({int(v >> 24), int(v >> 16), int(v >> 8), int(v)});
}

std::string Little32(size_t v) {
  return Bytes({int(v), int(v >> 8), int(v >> 16), int(v >> 24)});
}

// One directory with an orientation, in both byte orders.
std::string LittleTiff(int orientation) {
  return absl::StrCat(std::string("II*\0\x08\0\0\0", 8),
                      std::string("\1\0\x12\1\3\0\1\0\0\0", 10),
                      Bytes({orientation, 0, 0, 0}), Little32(0));
}

std::string BigTiff(int orientation) {
  return absl::StrCat(std::string("MM\0*\0\0\0\x08", 8),
                      std::string("\0\1\1\x12\0\3\0\0\0\1", 10),
                      Bytes({0, orientation, 0, 0}), Big32(0));
}

std::string Jpeg(const std::string& app1) {
  const size_t length = app1.size() + 2;
  return absl::StrCat(
      Bytes({0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 'x', 'x', 0xFF, 0xE1}),
      Bytes({int(length >> 8), int(length)}), app1,
      Bytes({0xFF, 0xDA, 0, 2, 0xFF, 0xD9}));
}

std::string Png(const std::string& type, const std::string& content) {
  return absl::StrCat("\x89PNG\r\n\x1a\n", Big32(3), "IDATxyzCRC_",
                      Big32(content.size()), type, content, "CRC_", Big32(0),
                      "IENDCRC_");
}

std::string Webp(const std::string& type, const std::string& content) {
  return absl::StrCat("RIFF", Little32(100), "WEBP", "VP8L", Little32(3),
                      std::string("abc\0", 4), type, Little32(content.size()),
                      content);
}

const std::string kExif("Exif\0\0", 6);
const std::string kXmpName("http://ns.adobe.com/xap/1.0/\0", 29);

class PictureTagsTest : public ::testing::Test {
 protected:
  PictureTags TagsOf(const std::string& bytes) {
    return ReadPictureTags(*InputFile::Open(folder_.Write("f", bytes)));
  }

  int OrientationOf(const std::string& bytes) {
    return TagsOf(bytes).orientation;
  }

  TemporaryFolder folder_;
};

TEST_F(PictureTagsTest, OrientationsOfEveryFormat) {
  for (int tag = 1; tag <= 8; ++tag) {
    for (const std::string& tiff : {LittleTiff(tag), BigTiff(tag)}) {
      EXPECT_EQ(OrientationOf(tiff), tag);
      EXPECT_EQ(OrientationOf(Jpeg(kExif + tiff)), tag);
      EXPECT_EQ(OrientationOf(Png("eXIf", tiff)), tag);
      EXPECT_EQ(OrientationOf(Webp("EXIF", tiff)), tag);
      EXPECT_EQ(OrientationOf(Webp("EXIF", kExif + tiff)), tag);
    }
  }
}

TEST_F(PictureTagsTest, XmpCountsWhereExifIsSilent) {
  const std::string xmp = "<rdf tiff:Orientation=\"6\"/>";
  EXPECT_EQ(OrientationOf(Jpeg(kXmpName + xmp)), 6);
  EXPECT_EQ(OrientationOf(Webp("XMP ", xmp)), 6);
  EXPECT_EQ(
      OrientationOf(Webp("XMP ", "<tiff:Orientation>8</tiff:Orientation>")), 8);
  EXPECT_EQ(OrientationOf(
                Png("iTXt", "XML:com.adobe.xmp" + std::string(5, '\0') + xmp)),
            6);
  EXPECT_EQ(OrientationOf(absl::StrCat(Webp("EXIF", LittleTiff(3)), "XMP ",
                                       Little32(xmp.size()), xmp)),
            3);
}

TEST_F(PictureTagsTest, NonsenseIsUpright) {
  EXPECT_EQ(OrientationOf(Jpeg(kExif + LittleTiff(0))), 1);
  EXPECT_EQ(OrientationOf(Jpeg(kExif + LittleTiff(9))), 1);
  EXPECT_EQ(OrientationOf(Jpeg(kExif)), 1);
  EXPECT_EQ(OrientationOf("no picture at all"), 1);
  // A directory that is said to lie outside.
  std::string far = LittleTiff(6);
  far[4] = far[5] = far[6] = far[7] = '\xFF';
  EXPECT_EQ(OrientationOf(Jpeg(kExif + far)), 1);
  for (const std::string& whole :
       {Jpeg(kExif + LittleTiff(6)), Png("eXIf", LittleTiff(6)),
        Webp("EXIF", LittleTiff(6)), LittleTiff(6)}) {
    for (size_t n = 1; n < whole.size(); ++n) {
      const int tag = OrientationOf(whole.substr(0, n));
      EXPECT_TRUE(tag == 1 || tag == 6) << n;
    }
  }
}

TEST_F(PictureTagsTest, WhatTheFourthSampleOfATiffIs) {
  constexpr AlphaKind kKinds[] = {
      AlphaKind::kFilling, AlphaKind::kPremultiplied, AlphaKind::kStraight};
  for (int kind : {0, 1, 2}) {
    const std::string tiff =
        absl::StrCat(std::string("II*\0\x08\0\0\0", 8),
                     std::string("\1\0\x52\1\3\0\1\0\0\0", 10),
                     Bytes({kind, 0, 0, 0}), Little32(0));
    EXPECT_EQ(TagsOf(tiff).alpha, kKinds[kind]);
    // EXIF may have kept it from the picture that this one was made of.
    EXPECT_EQ(TagsOf(Png("eXIf", tiff)).alpha, AlphaKind::kStraight);
  }
}

TEST_F(PictureTagsTest, TheFourthByteOfABmpNeedsAMask) {
  for (int bits : {24, 32}) {
    for (int masks : {0, 3}) {
      const std::string bmp =
          absl::StrCat("BM", std::string(12, 'x'), Little32(40), Little32(1),
                       Little32(1), Bytes({1, 0, bits, 0}),
                       Little32(size_t(masks)), std::string(24, '\0'));
      EXPECT_EQ(TagsOf(bmp).alpha, bits == 32 && masks == 0
                                       ? AlphaKind::kFilling
                                       : AlphaKind::kStraight);
      EXPECT_EQ(TagsOf(bmp.substr(0, 40)).alpha, AlphaKind::kStraight);
    }
  }
}

TEST_F(PictureTagsTest, ChunksOfAPng) {
  const PictureTags plain = TagsOf(Png("eXIf", LittleTiff(6)));
  EXPECT_TRUE(plain.has_exif_orientation);
  EXPECT_FALSE(plain.has_transparent_colour);
  EXPECT_EQ(plain.frames, 0);
  EXPECT_TRUE(TagsOf(Png("tRNS", "xx")).has_transparent_colour);
  EXPECT_FALSE(TagsOf(Png("tRNS", "xx")).has_exif_orientation);
  EXPECT_EQ(TagsOf(Png("acTL", Big32(7) + Big32(0))).frames, 7);
}

TEST(OrientationOfRawProfileTest, ReadsHexadecimalAfterThreeLines) {
  const auto profile = [](const std::string& bytes) {
    std::string digits = absl::BytesToHexString(bytes);
    for (size_t i = 72; i < digits.size(); i += 73) digits.insert(i, "\n");
    return absl::StrCat("\nexif\n      ", bytes.size(), "\n", digits, "\n");
  };
  EXPECT_EQ(OrientationOfRawProfile(profile(kExif + LittleTiff(6))), 6);
  EXPECT_EQ(OrientationOfRawProfile(profile(BigTiff(8))), 8);
  EXPECT_EQ(OrientationOfRawProfile(
                profile(kXmpName + "<rdf tiff:Orientation=\"3\"/>")),
            3);
  EXPECT_EQ(OrientationOfRawProfile(profile(kExif)), std::nullopt);
  const std::string whole = profile(kExif + LittleTiff(6));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_EQ(OrientationOfRawProfile(whole.substr(0, n)).value_or(6), 6) << n;
  }
}

}  // namespace
}  // namespace halfpipe
