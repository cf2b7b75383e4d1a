#include "common/data/crop_resize.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// As in make_crop_resize_golden.py.
std::vector<uint8_t> PatternImage(int width, int height) {
  std::vector<uint8_t> data;
  for (uint64_t y = 0; y < static_cast<uint64_t>(height); ++y) {
    for (uint64_t x = 0; x < static_cast<uint64_t>(width); ++x) {
      for (uint64_t c = 0; c < 3; ++c) {
        uint64_t value = x * 73856093 ^ y * 19349663 ^ c * 83492791;
        data.push_back(static_cast<uint8_t>(value * 2654435761 >> 13));
      }
    }
  }
  return data;
}

struct Case {
  FrameSize source, target;
};

TEST(CropResizeTest, GivesPillowsBytes) {
  for (const Case& c : std::vector<Case>{{{40, 30}, {16, 16}},
                                         {{30, 40}, {32, 16}},
                                         {{61, 47}, {48, 16}},
                                         {{20, 12}, {48, 32}},
                                         {{33, 33}, {16, 32}},
                                         {{48, 32}, {48, 32}},
                                         {{107, 61}, {32, 16}}}) {
    std::string name = absl::StrCat(
        "tests/common/data/golden/crop_resize_", c.source.width, "x",
        c.source.height, "_", c.target.width, "x", c.target.height, ".ppm");
    auto golden = ReadFile(name);
    ASSERT_TRUE(golden.ok()) << golden.status();
    size_t bytes = size_t{3} * c.target.width * c.target.height;
    ASSERT_GE(golden->size(), bytes);
    std::vector<uint8_t> expected(golden->end() - bytes, golden->end());
    std::vector<uint8_t> image = PatternImage(c.source.width, c.source.height);
    std::vector<uint8_t> out(bytes);
    CropResizer(c.source, c.target).Run(image.data(), out.data());
    EXPECT_EQ(out, expected) << name;
  }
}

TEST(CropResizeTest, RoundsHalvesToEven) {
  EXPECT_EQ(RoundHalfEven(0.5), 0);
  EXPECT_EQ(RoundHalfEven(1.5), 2);
  EXPECT_EQ(RoundHalfEven(10.5), 10);
  EXPECT_EQ(RoundHalfEven(-0.5), 0);
  EXPECT_EQ(RoundHalfEven(2.4999), 2);
}

TEST(CropResizeTest, SizesOfTheReference) {
  constexpr int64_t kPixels = 480 * 832;
  EXPECT_EQ(TargetSize({1920, 1080}, 0, 0, kPixels), (FrameSize{832, 464}));
  EXPECT_EQ(TargetSize({700, 500}, 0, 0, kPixels), (FrameSize{688, 496}));
  EXPECT_EQ(TargetSize({330, 200}, 0, 0, kPixels), (FrameSize{320, 192}));
  EXPECT_EQ(TargetSize({330, 200}, 480, 832, kPixels), (FrameSize{832, 480}));
}

TEST(CropResizeTest, ExtremeShapesStayInBounds) {
  for (FrameSize source : {FrameSize{1, 1}, FrameSize{1, 4096},
                           FrameSize{4096, 1}, FrameSize{3, 1000}}) {
    std::vector<uint8_t> image = PatternImage(source.width, source.height);
    std::vector<uint8_t> out(size_t{3} * 16 * 48);
    CropResizer(source, {48, 16}).Run(image.data(), out.data());
  }
}

// A frame that is stored at half its width is cropped where the whole one is.
TEST(CropResizeTest, PixelsThatAreNoSquaresKeepTheShape) {
  std::vector<uint8_t> narrow, whole;
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 128; ++x) {
      for (int c = 0; c < 3; ++c) {
        const auto value = static_cast<uint8_t>(x / 32 * 60);
        whole.push_back(value);
        if (x % 2 == 0) narrow.push_back(value);
      }
    }
  }
  std::vector<uint8_t> expected(size_t{3} * 16 * 16), out(expected.size());
  CropResizer({128, 64}, {16, 16}).Run(whole.data(), expected.data());
  CropResizer({64, 64}, {128, 64}, {16, 16}).Run(narrow.data(), out.data());
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_NEAR(out[i], expected[i], 2) << i;
  }
}

TEST(CropResizeTest, AFlatImageStaysFlat) {
  std::vector<uint8_t> image(size_t{3} * 123 * 77, 201);
  std::vector<uint8_t> out(size_t{3} * 32 * 32);
  CropResizer({123, 77}, {32, 32}).Run(image.data(), out.data());
  for (uint8_t value : out) ASSERT_EQ(value, 201);
}

}  // namespace
}  // namespace halfpipe
