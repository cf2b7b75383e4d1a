// Orientation and transparency against Pillow, whose results
// make_media_golden.py wrote down.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/data/decoder_client.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr char kGolden[] = "tests/decode/golden/";

DecoderClient Client() { return DecoderClient({.program = HP_DECODER}); }

// AV1 and JPEG lose a little, and their decoders round differently.
int BoundOf(const std::string& file) {
  if (absl::EndsWith(file, ".avif")) return 2;
  return absl::EndsWith(file, ".jpg") ? 3 : 0;
}

int LargestDifference(const std::vector<uint8_t>& a, const std::string& b) {
  EXPECT_EQ(a.size(), b.size());
  if (a.size() != b.size()) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(int{a[i]} - int{uint8_t(b[i])}));
  }
  return largest;
}

DecodeItem Item(const std::string& path, FrameSize size, uint32_t frames) {
  return {.path = path,
          .frames = frames,
          .height = static_cast<uint32_t>(size.height),
          .width = static_cast<uint32_t>(size.width)};
}

TEST(PictureGoldenTest, EveryOrientationOfEveryFormatIsShownUpright) {
  constexpr FrameSize kSize = {48, 32};
  const std::string ppm =
      *ReadFile(absl::StrCat(kGolden, "turned/upright.ppm"));
  const std::string upright = ppm.substr(ppm.size() - size_t{48} * 32 * 3);
  for (const char* format : {"jpg", "png", "webp", "tif", "avif"}) {
    for (int tag = 1; tag <= 8; ++tag) {
      const std::string path =
          absl::StrCat(kGolden, "turned/tag", tag, ".", format);
      // In a set of clips and alone it is the same picture.
      for (uint32_t frames : {1U, 81U}) {
        auto decoded = Client().Decode(Item(path, kSize, frames));
        ASSERT_TRUE(decoded.ok()) << decoded.status();
        EXPECT_EQ(decoded->frames, 1);
        EXPECT_TRUE(decoded->facts.is_picture);
        EXPECT_EQ(decoded->source, kSize) << path;
        EXPECT_LE(LargestDifference(decoded->rgb, upright), BoundOf(path))
            << path;
      }
    }
  }
}

TEST(PictureGoldenTest, ATagInTheTextOfAPngIsRead) {
  constexpr FrameSize kSize = {48, 32};
  const std::string ppm =
      *ReadFile(absl::StrCat(kGolden, "turned/upright.ppm"));
  const std::string upright = ppm.substr(ppm.size() - size_t{48} * 32 * 3);
  for (const char* name : {"text6.png", "packed6.png"}) {
    auto decoded = Client().Decode(
        Item(absl::StrCat(kGolden, "turned/", name), kSize, 81));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(decoded->facts.is_turned) << name;
    EXPECT_EQ(LargestDifference(decoded->rgb, upright), 0) << name;
  }
}

TEST(PictureGoldenTest, AFourthSampleOfNoMeaningIsNoTransparency) {
  for (const char* name : {"unused.bmp", "unused.tif"}) {
    const std::string path = absl::StrCat(kGolden, "filling/", name);
    DecodeItem item = Item(path, {32, 16}, 1);
    item.background = 0xFFFFFF;
    auto decoded = Client().Decode(item);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->facts.first_transparent_frame, -1) << name;
    EXPECT_EQ(LargestDifference(decoded->rgb, *ReadFile(path + ".rgb")), 0)
        << name;
  }
}

// FFmpeg up to 5.1 drops it. One that reads it says that it is there.
TEST(PictureGoldenTest, TransparencyOfOneBitIsNotDropped) {
  const std::string path = absl::StrCat(kGolden, "filling/one-bit.png");
  auto decoded = Client().Decode(Item(path, {32, 16}, 1));
  if (decoded.ok()) {
    EXPECT_EQ(decoded->facts.first_transparent_frame, 0);
  } else {
    EXPECT_THAT(std::string(decoded.status().message()),
                HasSubstr(path + ": has a transparent colour"));
  }
}

// The golden pictures with a tag were read by the first releases, too, but not
// turned: their facts must say so.
TEST(PictureGoldenTest, FactsSayWhatIsTurned) {
  DecodeItem avif =
      Item(absl::StrCat(kGolden, "turned/tag6.avif"), {48, 32}, 1);
  avif.mode = DecodeMode::kProbe;
  EXPECT_TRUE(Client().Decode(avif)->facts.is_heif);
  for (const char* format : {"jpg", "png", "webp"}) {
    for (int tag = 1; tag <= 8; ++tag) {
      DecodeItem item = Item(
          absl::StrCat(kGolden, "turned/tag", tag, ".", format), {48, 32}, 1);
      item.mode = DecodeMode::kProbe;
      auto probed = Client().Decode(item);
      ASSERT_TRUE(probed.ok()) << probed.status();
      EXPECT_EQ(probed->facts.is_turned, tag != 1) << item.path;
      EXPECT_TRUE(probed->rgb.empty());
    }
  }
}

TEST(PictureGoldenTest, TransparencyIsComposedAsPillowDoes) {
  struct Background {
    const char* name;
    uint32_t colour;
  };

  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat(kGolden, "alpha"))) {
    const std::string path = entry.path().string();
    if (absl::EndsWith(path, ".rgb")) continue;
    ++files;
    for (const Background& background :
         {Background{"black", 0}, Background{"white", 0xFFFFFF},
          Background{"123456", 0x123456}}) {
      DecodeItem item = Item(path, {32, 16}, 1);
      item.background = background.colour;
      // Three frames would be too short a clip.
      auto decoded = Client().Decode(item);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      const std::string expected =
          *ReadFile(absl::StrCat(path, ".", background.name, ".rgb"));
      const size_t frame_bytes = size_t{32} * 16 * 3;
      EXPECT_EQ(decoded->facts.is_picture, expected.size() == frame_bytes)
          << path;
      EXPECT_EQ(decoded->facts.first_transparent_frame, 0) << path;
      EXPECT_LE(
          LargestDifference(decoded->rgb, expected.substr(0, frame_bytes)),
          // 16 bits are rounded, Pillow cuts them.
          absl::EndsWith(path, "rgba16.png") ? 1 : BoundOf(path))
          << path << " on " << background.name;
    }
    DecodeItem refused = Item(path, {32, 16}, 1);
    refused.refuse_transparency = true;
    EXPECT_THAT(std::string(Client().Decode(refused).status().message()),
                HasSubstr(absl::StrCat(path, ": has transparent pixels")));
  }
  EXPECT_EQ(files, 13);
}

// An animation's later frames, as many as a clip needs: the golden's three
// played twice.
TEST(PictureGoldenTest, AnimationsAreClips) {
  for (const char* name : {"moving.webp", "moving.gif", "moving.png"}) {
    DecodeItem item = Item(absl::StrCat(kGolden, "alpha/", name), {32, 16}, 81);
    item.mode = DecodeMode::kProbe;
    auto probed = Client().Decode(item);
    ASSERT_TRUE(probed.ok()) << probed.status();
    EXPECT_FALSE(probed->facts.is_picture) << name;
    // 125 ms a frame; a GIF counts hundredths of a second.
    const double rate = absl::EndsWith(name, ".gif") ? 100.0 / 12 : 8.0;
    EXPECT_NEAR(probed->facts.frames_per_second, rate, 0.001) << name;
    item.mode = DecodeMode::kInspect;
    EXPECT_THAT(std::string(Client().Decode(item).status().message()),
                HasSubstr("has 3 frames; at least 5 are needed"));
  }
}

// What a hostile file does ends with that file.
TEST(PictureGoldenTest, DamageIsTheFilesOwnError) {
  TemporaryFolder folder;
  uint32_t random = 1;
  for (const char* name :
       {"alpha/moving.webp", "alpha/rgba.avif", "alpha/rgba.tif",
        "turned/tag6.jpg", "turned/tag6.png", "turned/tag6.webp",
        "turned/tag6.avif", "alpha/moving.png", "alpha/still.gif"}) {
    const std::string whole = *ReadFile(absl::StrCat(kGolden, name));
    std::vector<DecodeItem> items;
    for (int i = 0; i < 40; ++i) {
      std::string bytes = whole;
      for (int j = 0; j <= i % 8; ++j) {
        random = random * 1664525 + 1013904223;
        bytes[random % bytes.size()] = static_cast<char>(random >> 24);
      }
      if (i % 5 == 4) bytes.resize(bytes.size() * (i + 1) / 41);
      items.push_back(
          Item(folder.Write(absl::StrCat("f", i), bytes), {32, 16}, 81));
    }
    size_t answers = 0;
    absl::Status status = Client().DecodeBatch(
        items, [&](size_t i, const absl::StatusOr<DecodedClip>& clip) {
          ++answers;
          if (clip.ok()) return absl::OkStatus();
          const std::string message(clip.status().message());
          EXPECT_THAT(message, HasSubstr(items[i].path));
          EXPECT_THAT(message, ::testing::Not(HasSubstr("crashes")));
          EXPECT_THAT(message, ::testing::Not(HasSubstr("protocol")));
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(answers, items.size());
  }
}

}  // namespace
}  // namespace halfpipe
