// What comes out of real files, against the ffmpeg program.
#include <cstdlib>
#include <string>
#include <vector>

#include "decode/clip_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

int LargestDifference(const std::vector<uint8_t>& a, const std::string& b) {
  int largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(int{a[i]} - int{uint8_t(b[i])}));
  }
  return largest;
}

TEST_F(ClipTest, FramesAreThoseOfFfmpeg) {
  struct Kind {
    const char* name;
    const char* extra;
  };

  for (const Kind& kind : std::vector<Kind>{
           {"plain.mp4", ""},
           {"bt709.mp4",
            "-colorspace bt709 -color_primaries bt709 -color_trc "
            "bt709 -vf scale=out_color_matrix=bt709"},
           {"full.mp4", "-vf scale=out_range=full -color_range pc"},
           {"vp9.webm", "-c:v libvpx-vp9"},
           {"mpeg4.avi", "-c:v mpeg4"},
           {"ffv1.mkv", "-c:v ffv1"},
           {"yuv444.mkv", "-c:v ffv1 -pix_fmt yuv444p"}}) {
    std::string clip = MakeMp4(9, kind.name, "64x48", kind.extra);
    auto decoded = Client().Decode(Item(clip, 9));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->frames, 9);
    EXPECT_EQ(decoded->size, (FrameSize{64, 48}));
    std::string expected = RawRgb(clip);
    ASSERT_EQ(decoded->rgb.size(), expected.size()) << kind.name;
    EXPECT_LE(LargestDifference(decoded->rgb, expected), 1) << kind.name;
  }
}

TEST_F(ClipTest, FramesAreScaledAndCropped) {
  std::string clip = MakeMp4(5, "wide.mp4", "192x108");
  auto decoded = Client().Decode(Item(clip, 5, 32, 48));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->source, (FrameSize{192, 108}));
  std::string raw = RawRgb(clip);
  std::vector<uint8_t> expected(decoded->rgb.size());
  CropResizer resizer({192, 108}, {48, 32});
  for (size_t f = 0; f < 5; ++f) {
    resizer.Run(reinterpret_cast<const uint8_t*>(&raw[f * 192 * 108 * 3]),
                &expected[f * 48 * 32 * 3]);
  }
  EXPECT_EQ(decoded->rgb, expected);
}

TEST_F(ClipTest, TheClipsOwnSizeIsBoundedByMaxPixels) {
  std::string clip = MakeMp4(5, "own.mp4", "200x120");
  DecodeItem item = Item(clip, 5, 0, 0);
  item.max_pixels = 100 * 60;
  auto decoded = Client().Decode(item);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->size, (FrameSize{96, 48}));
}

TEST_F(ClipTest, FrameRule) {
  std::string clip = MakeMp4(11, "eleven.mp4");
  EXPECT_EQ(Client().Decode(Item(clip, 5))->frames, 5);
  EXPECT_EQ(Client().Decode(Item(clip, 9))->frames, 9);
  EXPECT_EQ(Client().Decode(Item(clip, 81))->frames, 9);
  EXPECT_EQ(Client().Decode(Item(clip, 81))->rgb.size(), 9u * 64 * 48 * 3);
  EXPECT_EQ(Client().Decode(Item(clip, 1))->frames, 1);
  std::string shortest = MakeMp4(3, "three.mp4");
  EXPECT_EQ(Message(Client().Decode(Item(shortest, 81))),
            shortest + ": has 3 frames; at least 5 are needed");
}

TEST_F(ClipTest, FramesPerSecondDoNotMatter) {
  std::string slow = Make(
      "-f lavfi -i testsrc2=size=64x48:rate=3 -frames:v 5 -pix_fmt "
      "yuv420p",
      "slow.mp4");
  EXPECT_EQ(Client().Decode(Item(slow, 5))->frames, 5);
}

TEST_F(ClipTest, TurnedClipsComeOutAsFfmpegShowsThem) {
  std::string upright = MakeMp4(5, "upright.mp4");
  for (const char* angle : {"90", "180", "270"}) {
    std::string turned = Make(
        absl::StrCat("-i ", upright, " -c copy -metadata:s:v:0 rotate=", angle),
        absl::StrCat("turned", angle, ".mp4"));
    bool swapped = std::string(angle) != "180";
    auto decoded = Client().Decode(swapped ? Item(turned, 5, 64, 48)
                                           : Item(turned, 5, 48, 64));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->source,
              (swapped ? FrameSize{48, 64} : FrameSize{64, 48}));
    EXPECT_LE(LargestDifference(decoded->rgb, RawRgb(turned)), 1) << angle;
  }
}

TEST_F(ClipTest, ImagesAreOneFrame) {
  for (const char* name : {"a.png", "a.jpg", "a.webp", "a.bmp"}) {
    std::string image =
        Make("-f lavfi -i testsrc2=size=64x48 -frames:v 1", name);
    DecodeItem item = Item(image, 81);
    item.is_image = true;
    auto decoded = Client().Decode(item);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->frames, 1);
    EXPECT_LE(LargestDifference(decoded->rgb, RawRgb(image)), 1) << name;
  }
}

TEST_F(ClipTest, BrokenFilesAreTheirOwnErrors) {
  std::string clip = MakeMp4(30, "whole.mp4", "128x96");
  std::string bytes = *ReadFile(clip);
  std::string half =
      folder_.Write("half.mp4", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(Message(Client().Decode(Item(half, 29))),
              HasSubstr(half + ": is truncated: it has "));
  std::string stub = folder_.Write("stub.mp4", bytes.substr(0, 100));
  EXPECT_THAT(Message(Client().Decode(Item(stub, 5))),
              HasSubstr(stub + ": has no video stream, or is truncated"));
  std::string text = folder_.Write("text.mp4", "this is no video at all");
  EXPECT_THAT(Message(Client().Decode(Item(text, 5))), HasSubstr(text));
  std::string empty = folder_.Write("empty.mp4", "");
  EXPECT_EQ(Message(Client().Decode(Item(empty, 5))), empty + ": is empty");
  EXPECT_THAT(Message(Client().Decode(Item(folder_ / "no.mp4", 5))),
              HasSubstr("No such file"));
  EXPECT_THAT(Message(Client().Decode(Item(folder_.path(), 5))),
              HasSubstr("is not a regular file"));
  std::string sound = Make("-f lavfi -i sine=duration=1", "sound.mkv");
  EXPECT_THAT(Message(Client().Decode(Item(sound, 5))),
              HasSubstr("has no video stream"));
}

TEST_F(ClipTest, DamageWithinAClipIsFound) {
  std::string clip = MakeMp4(30, "clean.mp4", "128x96");
  std::string bytes = *ReadFile(clip);
  for (size_t i = bytes.size() / 2; i < bytes.size() / 2 + 2000; ++i) {
    bytes[i] = static_cast<char>(i * 2654435761u >> 7);
  }
  std::string damaged = folder_.Write("damaged.mp4", bytes);
  EXPECT_THAT(Message(Client().Decode(Item(damaged, 29))),
              HasSubstr("damaged"));
}

}  // namespace
}  // namespace halfpipe
