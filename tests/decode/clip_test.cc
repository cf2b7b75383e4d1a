// What comes out of real files, against the ffmpeg program.
#include <cstdlib>
#include <string>
#include <utility>
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
  for (const char* name : {"a.png", "a.jpg", "a.webp", "a.bmp", "a.tif"}) {
    std::string image =
        Make("-f lavfi -i testsrc2=size=64x48 -frames:v 1", name);
    auto decoded = Client().Decode(Item(image, 81));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->frames, 1);
    EXPECT_TRUE(decoded->facts.is_picture) << name;
    EXPECT_LE(LargestDifference(decoded->rgb, RawRgb(image)), 1) << name;
  }
}

TEST_F(ClipTest, EveryContainerIsRead) {
  for (const auto& [name, arguments] :
       std::vector<std::pair<const char*, const char*>>{
           {"a.m4v", "-c:v libx264"},
           {"a.ts", "-c:v libx264"},
           {"a.mts", "-c:v libx264 -f mpegts"},
           {"a.mpg", "-c:v mpeg2video -r 25"},
           {"a.mpeg", "-c:v mpeg1video -r 25 -f mpeg"},
           {"a.wmv", "-c:v wmv2"},
           {"a.flv", "-c:v flv"},
           {"a.gif", ""},
           {"a.apng", ""}}) {
    std::string clip =
        MakeMp4(9, name, "64x48", absl::StrCat(arguments, " -b:v 4M"));
    auto decoded = Client().Decode(Item(clip, 5));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->frames, 5) << name;
    EXPECT_FALSE(decoded->facts.is_picture) << name;
    EXPECT_GT(decoded->facts.frames_per_second, 0.0) << name;
  }
}

// Names lie: what is in the file counts.
TEST_F(ClipTest, TheContentDecidesWhatAFileIs) {
  std::string picture = Make(
      "-f lavfi -i testsrc2=size=64x48 -frames:v 1 -f "
      "image2 -c:v png",
      "picture.mp4");
  auto decoded = Client().Decode(Item(picture, 81));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->facts.is_picture);
  EXPECT_EQ(decoded->facts.frames_per_second, 0.0);
  std::string clip = MakeMp4(9, "clip.png", "64x48", "-f mp4 -c:v libx264");
  decoded = Client().Decode(Item(clip, 9));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->facts.is_picture);
  EXPECT_EQ(decoded->frames, 9);
  // One frame of a film is no picture, and too little of a film.
  std::string frame = MakeMp4(1, "frame.mp4");
  EXPECT_EQ(Message(Client().Decode(Item(frame, 81))),
            frame + ": has 1 frames; at least 5 are needed");
  decoded = Client().Decode(Item(frame, 1));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->facts.is_picture);
}

TEST_F(ClipTest, AnAnimationOfOneFrameIsAPicture) {
  for (const auto& [name, frames] : std::vector<std::pair<const char*, int>>{
           {"one.gif", 1}, {"two.gif", 2}, {"one.apng", 1}, {"two.apng", 2}}) {
    std::string file = MakeMp4(frames, name);
    auto decoded = Client().Decode(Item(file, 1));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->facts.is_picture, frames == 1) << name;
  }
}

TEST_F(ClipTest, AClipIsTurnedAlsoAtOneFrame) {
  std::string upright = MakeMp4(5, "upright.mp4");
  std::string turned =
      Make(absl::StrCat("-i ", upright, " -c copy -metadata:s:v:0 rotate=90"),
           "turned.mp4");
  auto decoded = Client().Decode(Item(turned, 1, 64, 48));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->facts.is_turned);
  EXPECT_EQ(decoded->source, (FrameSize{48, 64}));
  EXPECT_LE(LargestDifference(decoded->rgb, RawRgb(turned)), 1);
}

// Against the ffmpeg program's own chain, whose last step is what is compared:
// conversion to 8 bits rounds once more.
TEST_F(ClipTest, HdrIsToneMappedAsFfmpegDoes) {
  for (const char* transfer : {"smpte2084", "arib-std-b67"}) {
    std::string clip = Make(
        absl::StrCat(
            "-f lavfi -i testsrc2=size=64x48:rate=16 -frames:v 5 -pix_fmt "
            "yuv420p10le -c:v libx265 -x265-params log-level=none:colorprim="
            "bt2020:colormatrix=bt2020nc:transfer=",
            transfer, " -color_primaries bt2020 -colorspace bt2020nc ",
            "-color_trc ", transfer),
        absl::StrCat(transfer, ".mp4"));
    auto decoded = Client().Decode(Item(clip, 5));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(decoded->facts.is_hdr);
    std::string mapped = *ReadFile(Make(
        absl::StrCat("-i ", clip,
                     " -vf zscale=t=linear:npl=100,format=gbrpf32le,zscale=p="
                     "bt709,tonemap=tonemap=hable:desat=0,zscale=t=bt709:m="
                     "bt709:r=tv,format=yuv420p -pix_fmt rgb24 -f rawvideo"),
        "mapped.raw"));
    ASSERT_EQ(decoded->rgb.size(), mapped.size());
    EXPECT_LE(LargestDifference(decoded->rgb, mapped), 2) << transfer;
    EXPECT_GT(LargestDifference(decoded->rgb, RawRgb(clip)), 20) << transfer;
  }
}

// `rgba` frames (of ffmpeg) over `background`, to the nearest integer.
std::string Over(const std::string& rgba, uint32_t background) {
  std::string rgb;
  for (size_t i = 0; i + 3 < rgba.size(); i += 4) {
    const auto alpha = static_cast<uint8_t>(rgba[i + 3]);
    for (size_t c = 0; c < 3; ++c) {
      const uint32_t under = background >> (16 - 8 * c) & 0xFF;
      const uint32_t sum = static_cast<uint8_t>(rgba[i + c]) * alpha +
                           under * (255U - alpha) + 127;
      rgb += static_cast<char>(sum / 255);
    }
  }
  return rgb;
}

// Noise under all of it, a clear part and a part that is half clear.
constexpr char kCutOut[] =
    "-f lavfi -i testsrc2=size=64x48:rate=16 -frames:v 5 -vf \"format=rgba,"
    "geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':"
    "a='if(lt(X,20),0,if(lt(X,40),128,255))'\" ";

TEST_F(ClipTest, TransparentClipsAreComposed) {
  struct Kind {
    const char* name;
    const char* encoder;
    const char* decoder;  // for the ffmpeg program
    int bound;
  };

  for (const Kind& kind : std::vector<Kind>{
           {"vp9.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p", "-c:v libvpx-vp9",
            1},
           {"vp8.webm", "-c:v libvpx -auto-alt-ref 0 -pix_fmt yuva420p",
            "-c:v libvpx", 1},
           {"prores.mov",
            "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le", "", 2},
           {"animation.mov", "-c:v qtrle", "", 0},
           {"png.mov", "-c:v png", "", 0},
           {"raw.avi", "-c:v rawvideo -pix_fmt bgra", "", 0}}) {
    std::string clip = Make(absl::StrCat(kCutOut, kind.encoder), kind.name);
    std::string rgba = *ReadFile(Make(
        absl::StrCat(kind.decoder, " -i ", clip, " -pix_fmt rgba -f rawvideo"),
        "frames.rgba"));
    for (uint32_t background : {0x000000U, 0xFFFFFFU, 0x123456U}) {
      DecodeItem item = Item(clip, 5);
      item.background = background;
      auto decoded = Client().Decode(item);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(decoded->facts.first_transparent_frame, 0) << kind.name;
      std::string expected = Over(rgba, background);
      ASSERT_EQ(decoded->rgb.size(), expected.size()) << kind.name;
      EXPECT_LE(LargestDifference(decoded->rgb, expected), kind.bound)
          << kind.name;
    }
    DecodeItem refused = Item(clip, 5);
    refused.refuse_transparency = true;
    EXPECT_THAT(Message(Client().Decode(refused)),
                HasSubstr(clip + ": has transparent pixels, and data.alpha"));
  }
}

// Alpha that is there and hides nothing changes no byte.
TEST_F(ClipTest, OpaqueAlphaChangesNothing) {
  for (const auto& [name, encoder] :
       std::vector<std::pair<const char*, const char*>>{
           {"vp9.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p -lossless 1"},
           {"prores.mov",
            "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"},
           {"animation.mov", "-c:v qtrle -pix_fmt argb"},
           {"filling.avi",
            "-c:v rawvideo -pix_fmt bgra -vf \"format=bgra,"
            "geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a=0\""}}) {
    std::string clip =
        Make(absl::StrCat("-f lavfi -i testsrc2=size=64x48:rate=16 -frames:v ",
                          "5 ", encoder),
             name);
    DecodeItem item = Item(clip, 5);
    item.background = 0xFFFFFF;
    item.refuse_transparency = true;
    auto decoded = Client().Decode(item);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->facts.first_transparent_frame, -1) << name;
    EXPECT_LE(LargestDifference(decoded->rgb, RawRgb(clip)), 1) << name;
  }
}

TEST_F(ClipTest, TransparencyThatComesLateIsFound) {
  std::string clip = Make(
      "-f lavfi -i testsrc2=size=64x48:rate=16 -frames:v 9 -vf \"format=rgba,"
      "geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(N,6),255,9)'\" "
      "-c:v qtrle",
      "late.mov");
  DecodeItem item = Item(clip, 5);
  EXPECT_EQ(Client().Decode(item)->facts.first_transparent_frame, -1);
  item.frames = 9;
  EXPECT_EQ(Client().Decode(item)->facts.first_transparent_frame, 6);
  item.mode = DecodeMode::kProbe;
  EXPECT_EQ(Client().Decode(item)->facts.first_transparent_frame, 6);
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

// FFmpeg shows what is missing in grey.
TEST_F(ClipTest, HalfAPhotographIsNoPhotograph) {
  for (const char* extra : {"", "-pix_fmt gray ", "-q:v 2 -huffman optimal "}) {
    std::string bytes = *ReadFile(Make(
        absl::StrCat("-f lavfi -i testsrc2=size=256x192 -frames:v 1 ", extra),
        "whole.jpg"));
    for (size_t parts : {1, 2, 3}) {
      std::string photo =
          folder_.Write("part.jpg", bytes.substr(0, bytes.size() * parts / 4));
      EXPECT_THAT(Message(Client().Decode(Item(photo, 9))),
                  HasSubstr(photo + ": is truncated or damaged"));
    }
    // Cameras add what they like after the end.
    std::string longer =
        folder_.Write("longer.jpg", bytes + std::string(5000, 'x'));
    EXPECT_TRUE(Client().Decode(Item(longer, 9)).ok());
  }
}

// What is left of an animation is neither a picture nor all of it.
TEST_F(ClipTest, HalfAnAnimationIsNoPicture) {
  for (const char* name : {"a.gif", "a.apng"}) {
    std::string bytes = *ReadFile(MakeMp4(9, name));
    for (size_t percent : {43, 50, 87, 95}) {
      std::string part =
          folder_.Write(absl::StrCat("part-", name),
                        bytes.substr(0, bytes.size() * percent / 100));
      auto decoded = Client().Decode(Item(part, 9));
      ASSERT_FALSE(decoded.ok()) << name << " " << percent;
      EXPECT_THAT(Message(decoded), HasSubstr(part + ": is "));
      decoded = Client().Decode(Item(part, 1));
      if (decoded.ok()) EXPECT_FALSE(decoded->facts.is_picture) << name;
    }
  }
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
