// HEIC pictures that libheif's own encoder makes while the test runs.
#include "decode/heif_picture.h"

#include <libheif/heif.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/data/decoder_client.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr int kWidth = 96, kHeight = 64;

// Six fields of one colour, with alpha that differs between them.
std::vector<uint8_t> Fields() {
  constexpr uint8_t kColours[6][4] = {{200, 30, 30, 255},  {30, 200, 30, 128},
                                      {30, 30, 200, 0},    {220, 220, 40, 64},
                                      {40, 220, 220, 255}, {220, 40, 220, 192}};
  std::vector<uint8_t> rgba;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const uint8_t* colour = kColours[y / 32 * 3 + x / 32];
      rgba.insert(rgba.end(), colour, colour + 4);
    }
  }
  return rgba;
}

class HeifTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (heif_have_encoder_for_format(heif_compression_HEVC) == 0) {
      GTEST_SKIP() << "libheif has no HEVC encoder here (x265)";
    }
  }

  // A HEIC of Fields(), with an orientation in the file and, to mislead, in an
  // EXIF block.
  std::string Make(const std::string& name, bool alpha, int orientation) {
    heif_context* context = heif_context_alloc();
    heif_encoder* encoder = nullptr;
    heif_context_get_encoder_for_format(context, heif_compression_HEVC,
                                        &encoder);
    heif_encoder_set_lossless(encoder, 1);
    heif_encoder_set_parameter(encoder, "chroma", "444");
    heif_image* image = nullptr;
    heif_image_create(
        kWidth, kHeight, heif_colorspace_RGB,
        alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
        &image);
    heif_image_add_plane(image, heif_channel_interleaved, kWidth, kHeight, 8);
    Fill(image, alpha);
    heif_encoding_options* options = heif_encoding_options_alloc();
    options->image_orientation = static_cast<heif_orientation>(orientation);
    heif_image_handle* handle = nullptr;
    EXPECT_EQ(
        heif_context_encode_image(context, image, encoder, options, &handle)
            .code,
        heif_error_Ok);
    const char exif[] = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0";
    heif_context_add_exif_metadata(context, handle, exif, sizeof(exif));
    std::string path = folder_ / name;
    EXPECT_EQ(heif_context_write_to_file(context, path.c_str()).code,
              heif_error_Ok);
    heif_image_handle_release(handle);
    heif_encoding_options_free(options);
    heif_image_release(image);
    heif_encoder_release(encoder);
    heif_context_free(context);
    return path;
  }

  static void Fill(heif_image* image, bool alpha) {
    int stride = 0;
    uint8_t* out =
        heif_image_get_plane(image, heif_channel_interleaved, &stride);
    const std::vector<uint8_t> rgba = Fields();
    const int channels = alpha ? 4 : 3;
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        std::memcpy(out + y * stride + x * channels,
                    &rgba[4 * (size_t(y) * kWidth + x)],
                    static_cast<size_t>(channels));
      }
    }
  }

  static absl::StatusOr<DecodedClip> Decode(const std::string& path,
                                            uint32_t background = 0) {
    return DecoderClient({.program = HP_DECODER})
        .Decode({.path = path,
                 .frames = 81,
                 .height = kHeight,
                 .width = kWidth,
                 .background = background});
  }

  TemporaryFolder folder_;
};

// The colour of a shown pixel, as the file's orientation says.
const uint8_t* Shown(const std::vector<uint8_t>& rgba, int orientation, int x,
                     int y) {
  if (orientation == 2 || orientation == 3) x = kWidth - 1 - x;
  if (orientation == 3 || orientation == 4) y = kHeight - 1 - y;
  return &rgba[4 * (static_cast<size_t>(y) * kWidth + x)];
}

TEST_F(HeifTest, OrientationIsAppliedOnce) {
  const std::vector<uint8_t> rgba = Fields();
  for (int orientation = 1; orientation <= 4; ++orientation) {
    auto decoded = Decode(
        Make(absl::StrCat("o", orientation, ".heic"), false, orientation));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(decoded->facts.is_picture);
    EXPECT_EQ(decoded->source, (FrameSize{kWidth, kHeight}));
    int worst = 0;
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const uint8_t* expected = Shown(rgba, orientation, x, y);
        const uint8_t* got =
            &decoded->rgb[3 * (static_cast<size_t>(y) * kWidth + x)];
        for (int c = 0; c < 3; ++c) {
          worst = std::max(worst, std::abs(int{got[c]} - int{expected[c]}));
        }
      }
    }
    EXPECT_LE(worst, 3) << orientation;
  }
}

TEST_F(HeifTest, QuarterTurnsSwapTheSides) {
  for (int orientation = 5; orientation <= 8; ++orientation) {
    auto decoded = Decode(
        Make(absl::StrCat("o", orientation, ".heic"), false, orientation));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->source, (FrameSize{kHeight, kWidth})) << orientation;
  }
}

TEST_F(HeifTest, AlphaIsComposed) {
  const std::vector<uint8_t> rgba = Fields();
  const std::string path = Make("alpha.heic", true, 1);
  auto decoded = Decode(path, 0xFFFFFF);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->facts.first_transparent_frame, 0);
  int worst = 0;
  for (size_t i = 0; i < size_t{kWidth} * kHeight; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      const int alpha = rgba[4 * i + 3];
      const int expected =
          (rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255;
      worst =
          std::max(worst, std::abs(int{decoded->rgb[3 * i + c]} - expected));
    }
  }
  EXPECT_LE(worst, 3);
}

// In this process, and with the codec of ours.
TEST_F(HeifTest, OneFrameAndNoMore) {
  ASSERT_TRUE(InstallHeifCodec().ok());
  auto file = InputFile::Open(Make("one.heic", true, 6));
  ASSERT_TRUE(file.ok()) << file.status();
  auto picture = HeifPicture::Open(*file);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ((*picture)->traits().kind, MediumKind::kPicture);
  EXPECT_TRUE((*picture)->traits().orientation.upright());
  auto frame = (*picture)->Next();
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_EQ((*frame)->format, AV_PIX_FMT_RGBA);
  EXPECT_EQ((*frame)->width, kHeight);
  EXPECT_EQ((*frame)->height, kWidth);
  EXPECT_EQ(*(*picture)->Next(), nullptr);
}

TEST_F(HeifTest, HalfAFileIsItsOwnError) {
  const std::string bytes = *ReadFile(Make("whole.heic", false, 1));
  for (size_t part : {4, 2}) {
    const std::string path =
        folder_.Write("part.heic", bytes.substr(0, bytes.size() / part));
    auto decoded = Decode(path);
    ASSERT_FALSE(decoded.ok());
    EXPECT_THAT(std::string(decoded.status().message()),
                HasSubstr(path + ": is a HEIF or AVIF picture that cannot"));
  }
}

}  // namespace
}  // namespace halfpipe
