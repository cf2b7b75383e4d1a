#include "decode/alpha_plane.h"

#include <vector>

#include "decode/test_frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(AlphaPlaneTest, FormatsThatHaveIt) {
  for (int format : {AV_PIX_FMT_RGBA, AV_PIX_FMT_YUVA420P, AV_PIX_FMT_YA8,
                     AV_PIX_FMT_GBRAP10LE, AV_PIX_FMT_PAL8}) {
    EXPECT_TRUE(HasAlpha(format)) << format;
  }
  for (int format : {AV_PIX_FMT_RGB24, AV_PIX_FMT_YUV420P, AV_PIX_FMT_BGR0,
                     AV_PIX_FMT_GRAY8}) {
    EXPECT_FALSE(HasAlpha(format)) << format;
  }
}

TEST(AlphaPlaneTest, ComposesToTheNearest) {
  AlphaPlane alpha(AlphaKind::kStraight);
  const TestFrame frame =
      PackedFrame(AV_PIX_FMT_RGBA, 4, 1,
                  {9, 9, 9, 0, 9, 9, 9, 255, 200, 100, 0, 128, 255, 1, 2, 1});
  ASSERT_TRUE(alpha.Read(*frame).ok());
  EXPECT_TRUE(alpha.is_transparent());
  std::vector<uint8_t> rgb = {9, 9, 9, 9, 9, 9, 200, 100, 0, 255, 1, 2};
  alpha.ComposeOn(0xFF8000, rgb.data());
  EXPECT_THAT(rgb, ElementsAre(255, 128, 0, 9, 9, 9, 227, 114, 0, 255, 128, 0));
}

TEST(AlphaPlaneTest, PremultipliedColoursAreAdded) {
  AlphaPlane alpha(AlphaKind::kPremultiplied);
  const TestFrame frame =
      PackedFrame(AV_PIX_FMT_RGBA, 2, 1, {100, 50, 0, 128, 200, 0, 0, 100});
  ASSERT_TRUE(alpha.Read(*frame).ok());
  std::vector<uint8_t> rgb = {100, 50, 0, 200, 0, 0};
  alpha.ComposeOn(0xFFFFFF, rgb.data());
  // 255 * 127 / 255 = 127 is added; more than white is white.
  EXPECT_THAT(rgb, ElementsAre(227, 177, 127, 255, 155, 155));
}

TEST(AlphaPlaneTest, SixteenBitsArePlacedAsTheyAre) {
  AlphaPlane alpha(AlphaKind::kStraight);
  // 0x8000 of 0xFFFF, big-endian.
  const TestFrame frame =
      PackedFrame(AV_PIX_FMT_RGBA64BE, 1, 1, {200, 0, 100, 0, 0, 0, 0x80, 0});
  ASSERT_TRUE(alpha.Read(*frame).ok());
  std::vector<uint8_t> rgb = {200, 100, 0};
  alpha.ComposeOn(0, rgb.data());
  EXPECT_THAT(rgb, ElementsAre(100, 50, 0));
}

TEST(AlphaPlaneTest, OpaqueFramesAreSaidToBe) {
  AlphaPlane alpha(AlphaKind::kStraight);
  const TestFrame clear = PackedFrame(AV_PIX_FMT_RGBA, 1, 1, {1, 2, 3, 254});
  ASSERT_TRUE(alpha.Read(*clear).ok());
  EXPECT_TRUE(alpha.is_transparent());
  const TestFrame opaque = PackedFrame(AV_PIX_FMT_RGBA, 1, 1, {1, 2, 3, 255});
  ASSERT_TRUE(alpha.Read(*opaque).ok());
  EXPECT_FALSE(alpha.is_transparent());
  const TestFrame none = PackedFrame(AV_PIX_FMT_RGB24, 1, 1, {1, 2, 3});
  ASSERT_TRUE(alpha.Read(*none).ok());
  EXPECT_FALSE(alpha.is_transparent());
}

TEST(AlphaPlaneTest, FillingIsNoAlpha) {
  AlphaPlane alpha(AlphaKind::kUnlessAllZero);
  const TestFrame filling =
      PackedFrame(AV_PIX_FMT_BGRA, 2, 1, {1, 2, 3, 0, 4, 5, 6, 0});
  ASSERT_TRUE(alpha.Read(*filling).ok());
  EXPECT_FALSE(alpha.is_transparent());
  const TestFrame real =
      PackedFrame(AV_PIX_FMT_BGRA, 2, 1, {1, 2, 3, 0, 4, 5, 6, 9});
  ASSERT_TRUE(alpha.Read(*real).ok());
  EXPECT_TRUE(alpha.is_transparent());
  AlphaPlane none(AlphaKind::kFilling);
  ASSERT_TRUE(none.Read(*real).ok());
  EXPECT_FALSE(none.is_transparent());
}

TEST(AlphaPlaneTest, FloatingPointIsRefused) {
  AlphaPlane alpha(AlphaKind::kStraight);
  const TestFrame frame = EmptyFrame(AV_PIX_FMT_GBRAPF32LE, 1, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(alpha.Read(*frame)));
}

}  // namespace
}  // namespace halfpipe
