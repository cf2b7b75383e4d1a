#include "decode/orientation.h"

#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAreArray;

constexpr int32_t kOne = 1 << 16;

TEST(OrientationTest, ReadsDisplayMatrices) {
  EXPECT_TRUE(Orientation::Of(nullptr).upright());
  const int32_t upright[9] = {kOne, 0, 0, 0, kOne, 0, 0, 0, 1 << 30};
  EXPECT_TRUE(Orientation::Of(upright).upright());
  const int32_t half[9] = {-kOne, 0, 0, 0, -kOne, 0, 0, 0, 1 << 30};
  Orientation turned = Orientation::Of(half);
  EXPECT_TRUE(turned.flip_x && turned.flip_y && !turned.swap_axes);
  const int32_t slanted[9] = {46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30};
  EXPECT_TRUE(Orientation::Of(slanted).upright());
}

// Only the angle counts; hostile numbers are numbers.
TEST(OrientationTest, MatricesMayScale) {
  const int32_t small[9] = {0, kOne / 2, 0, -kOne / 2, 0, 0, 0, 0, 1 << 30};
  EXPECT_TRUE(Orientation::Of(small).swap_axes);
  const int32_t stretched[9] = {-3 * kOne, 5, 0, 0, -kOne, 0, 0, 0, 1 << 30};
  EXPECT_TRUE(Orientation::Of(stretched).flip_x);
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
  const int32_t lowest[9] = {kLowest, 0, 0, 0, kLowest, 0, 0, 0, kLowest};
  EXPECT_TRUE(Orientation::Of(lowest).flip_y);
  const int32_t all[9] = {kLowest, kLowest, 0, kLowest, kLowest};
  EXPECT_TRUE(Orientation::Of(all).upright());
  const int32_t nothing[9] = {};
  EXPECT_TRUE(Orientation::Of(nothing).upright());
}

// 1 2 3     clockwise:  4 1
// 4 5 6                 5 2
//                       6 3
TEST(OrientationTest, TurnsAQuarterClockwise) {
  const int32_t quarter[9] = {0, kOne, 0, -kOne, 0, 0, 0, 0, 1 << 30};
  std::vector<uint8_t> in, out(18);
  for (uint8_t value : std::vector<uint8_t>{1, 2, 3, 4, 5, 6})
    in.insert(in.end(), 3, value);
  Turn(Orientation::Of(quarter), {3, 2}, in.data(), out.data());
  std::vector<uint8_t> expected;
  for (uint8_t value : std::vector<uint8_t>{4, 1, 5, 2, 6, 3}) {
    expected.insert(expected.end(), 3, value);
  }
  EXPECT_THAT(out, ElementsAreArray(expected));
}

// What EXIF's tag does to
//   1 2 3
//   4 5 6
// by the words of its standard: where the stored first row and first column
// are to be shown.
TEST(OrientationTest, ReadsTags) {
  const std::vector<std::vector<uint8_t>> shown = {
      {1, 2, 3, 4, 5, 6},  // 1: top, left
      {3, 2, 1, 6, 5, 4},  // 2: top, right
      {6, 5, 4, 3, 2, 1},  // 3: bottom, right
      {4, 5, 6, 1, 2, 3},  // 4: bottom, left
      {1, 4, 2, 5, 3, 6},  // 5: left, top
      {4, 1, 5, 2, 6, 3},  // 6: right, top
      {6, 3, 5, 2, 4, 1},  // 7: right, bottom
      {3, 6, 2, 5, 1, 4}   // 8: left, bottom
  };
  for (int tag = 1; tag <= 8; ++tag) {
    std::vector<uint8_t> in, expected, out(18);
    for (uint8_t v = 1; v <= 6; ++v) in.insert(in.end(), 3, v);
    for (uint8_t v : shown[static_cast<size_t>(tag) - 1]) {
      expected.insert(expected.end(), 3, v);
    }
    Turn(Orientation::OfTag(tag), {3, 2}, in.data(), out.data());
    EXPECT_THAT(out, ElementsAreArray(expected)) << tag;
    EXPECT_EQ(Orientation::OfTag(tag).upright(), tag == 1);
  }
  EXPECT_TRUE(Orientation::OfTag(0).upright());
  EXPECT_TRUE(Orientation::OfTag(9).upright());
}

}  // namespace
}  // namespace halfpipe
