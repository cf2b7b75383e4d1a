#include "decode/frame_converter.h"

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

}  // namespace
}  // namespace halfpipe
