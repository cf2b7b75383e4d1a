// Files whose form asks for more than decoding, or that are refused for it.
#include <cstdint>
#include <cstdlib>
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

// Against the ffmpeg program, which stretches them as players do.
TEST_F(MediaFormTest, PixelsThatAreNoSquaresAreShownAsPlayersDo) {
  const std::string clip = MakeMp4(5, "narrow.mp4", "96x96", "-vf setsar=4/3");
  auto decoded = Client().Decode(Item(clip, 5, 0, 0));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->facts.is_anamorphic);
  EXPECT_EQ(decoded->source, (FrameSize{128, 96}));
  EXPECT_EQ(decoded->size, (FrameSize{128, 96}));
  EXPECT_EQ(decoded->facts.size, (FrameSize{128, 96}));
  const std::string shown = *ReadFile(
      Make(absl::StrCat("-i ", clip,
                        " -vf scale=128:96:flags=bilinear -pix_fmt rgb24 "
                        "-vsync passthrough -f rawvideo"),
           "shown.raw"));
  ASSERT_EQ(decoded->rgb.size(), shown.size());
  double sum = 0.0;
  for (size_t i = 0; i < shown.size(); ++i) {
    sum += std::abs(decoded->rgb[i] - static_cast<uint8_t>(shown[i]));
  }
  EXPECT_LT(sum / static_cast<double>(shown.size()), 8.0);
  // Turned, what was wide is high.
  const std::string turned =
      Make(absl::StrCat("-i ", clip, " -c copy -metadata:s:v:0 rotate=90"),
           "turned.mp4");
  EXPECT_EQ(Client().Decode(Item(turned, 5, 0, 0))->source,
            (FrameSize{96, 128}));
}

TEST_F(MediaFormTest, NearlySquarePixelsAreSquares) {
  const std::string clip =
      MakeMp4(5, "nearly.mp4", "96x96", "-vf setsar=1000/1003");
  auto decoded = Client().Decode(Item(clip, 5, 0, 0));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->facts.is_anamorphic);
  EXPECT_EQ(decoded->source, (FrameSize{96, 96}));
  const std::string photo = Make(
      "-f lavfi -i testsrc2=size=96x96 -vf setsar=2 -frames:v 1", "photo.jpg");
  EXPECT_FALSE(Client().Decode(Item(photo, 1))->facts.is_anamorphic);
  const std::string absurd =
      MakeMp4(5, "absurd.mp4", "96x96", "-vf setsar=9/1");
  EXPECT_THAT(Message(Client().Decode(Item(absurd, 5))),
              HasSubstr(absurd + ": says that its pixels are 9:1"));
}

TEST_F(MediaFormTest, InterlacedClipsAreFound) {
  const std::string progressive = MakeMp4(9, "progressive.mp4");
  for (const char* name : {"a.mp4", "a.ts", "a.mpg"}) {
    const std::string clip =
        MakeMp4(9, name, "64x64",
                absl::StrCat("-r 25 -flags +ildct+ilme ",
                             std::string(name) == "a.mpg"
                                 ? "-c:v mpeg2video"
                                 : "-c:v libx264 -x264-params tff=1"));
    DecodeItem item = Item(clip, 5);
    EXPECT_TRUE(Client().Decode(item)->facts.is_interlaced) << name;
    item.mode = DecodeMode::kProbe;
    EXPECT_TRUE(Client().Decode(item)->facts.is_interlaced) << name;
  }
  EXPECT_FALSE(Client().Decode(Item(progressive, 5))->facts.is_interlaced);
}

TEST_F(MediaFormTest, FilesOfOtherKindsAreNamed) {
  const std::string zip =
      folder_.Write("a.mp4", "PK\3\4" + std::string(99, 'x'));
  EXPECT_EQ(Message(Client().Decode(Item(zip, 5))),
            zip +
                ": is not a video or image that can be read, but a ZIP "
                "archive; unpack it");
}

// A transport stream may be continued by another film.
TEST_F(MediaFormTest, StreamsThatWereJoinedAreSaidToBe) {
  const std::string both =
      *ReadFile(MakeMp4(8, "a.ts", "64x48", "-c:v libx264")) +
      *ReadFile(MakeMp4(8, "b.ts", "96x64", "-c:v libx264"));
  EXPECT_THAT(Message(Client().Decode(Item(folder_.Write("ab.ts", both), 9))),
              HasSubstr("joined from several files after frame"));
}

TEST_F(MediaFormTest, TooManyPixelsAreCounted) {
  const std::string photo = Make(
      "-f lavfi -i color=size=12000x9000 -pix_fmt gray -frames:v 1", "a.png");
  EXPECT_EQ(Message(Client().Decode(Item(photo, 1))),
            photo +
                ": is 12000x9000; at most 67 megapixels and 16384 pixels a "
                "side are read: make it smaller");
}

// MPO, and the photographs of phones with a film behind them.
TEST_F(MediaFormTest, SmallPhotographsWithSomethingBehindThem) {
  const std::string photo =
      Make("-f lavfi -i testsrc2=size=96x64 -frames:v 1", "small.jpg");
  const std::string bytes = *ReadFile(photo);
  const std::string film = *ReadFile(MakeMp4(9, "film.mp4"));
  const auto alone = Client().Decode(Item(photo, 9));
  ASSERT_TRUE(alone.ok()) << alone.status();
  for (const std::string& behind : {bytes, film}) {
    auto decoded =
        Client().Decode(Item(folder_.Write("two.jpg", bytes + behind), 9));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(decoded->facts.is_picture);
    EXPECT_EQ(decoded->rgb, alone->rgb);
  }
}

}  // namespace
}  // namespace halfpipe
