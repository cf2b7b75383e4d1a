// Files whose form asks for more than decoding, or that are refused for it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "decode/clip_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

using MediaFormTest = ClipTest;

// FFmpeg reads such a TIFF as black.
TEST_F(MediaFormTest, ATiffWithJpegInsideIsRefused) {
  std::string bytes = *ReadFile(
      Make("-f lavfi -i testsrc2=size=64x48 -frames:v 1 -compression_algo raw",
           "a.tif"));
  // The entry of tag 259, Compression: one short.
  const size_t entry = bytes.find(std::string("\x03\x01\x03\0\x01\0\0\0", 8));
  ASSERT_NE(entry, std::string::npos);
  bytes[entry + 8] = 7;
  const std::string jpeg = folder_.Write("jpeg.tif", bytes);
  EXPECT_THAT(Message(Client().Decode(Item(jpeg, 1))),
              HasSubstr(jpeg + ": is a TIFF with JPEG inside, which is not"));
}

TEST_F(MediaFormTest, AnHdrPngIsToneMapped) {
  const std::string plain =
      Make("-f lavfi -i testsrc2=size=64x48 -frames:v 1", "plain.png");
  const std::string bytes = *ReadFile(plain);
  constexpr size_t kHeaderEnd = 33;  // the signature and IHDR
  // BT.2020 and PQ, with its checksum.
  const std::string cicp("\0\0\0\4cICP\x09\x10\0\1\x4D\x23\x23\xFE", 16);
  const std::string hdr =
      folder_.Write("hdr.png", absl::StrCat(bytes.substr(0, kHeaderEnd), cicp,
                                            bytes.substr(kHeaderEnd)));
  auto sdr = Client().Decode(Item(plain, 1));
  ASSERT_TRUE(sdr.ok()) << sdr.status();
  EXPECT_FALSE(sdr->facts.is_hdr);
  auto mapped = Client().Decode(Item(hdr, 1));
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_TRUE(mapped->facts.is_hdr);
  EXPECT_NE(mapped->rgb, sdr->rgb);
}

}  // namespace
}  // namespace halfpipe
