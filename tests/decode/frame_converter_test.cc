#include "decode/frame_converter.h"

#include <string>
#include <vector>

#include "decode/test_frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

// 32x16, the left half one colour and the right half another.
TestFrame Halves(const std::vector<uint8_t>& left,
                 const std::vector<uint8_t>& right) {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 32 * 16; ++i) {
    const std::vector<uint8_t>& colour = i % 32 < 16 ? left : right;
    bytes.insert(bytes.end(), colour.begin(), colour.end());
  }
  return PackedFrame(left.size() == 4 ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24, 32,
                     16, bytes);
}

TEST(FrameConverterTest, TurnsAndKeepsTheSize) {
  SourceTraits traits;
  traits.orientation = Orientation::OfTag(6);
  FrameConverter converter({.path = "x", .frames = 1}, traits);
  const TestFrame frame = Halves({200, 0, 0}, {0, 0, 200});
  ASSERT_TRUE(converter.Begin(*frame).ok());
  ASSERT_TRUE(converter.Convert(*frame).ok());
  EXPECT_EQ(converter.source(), (FrameSize{16, 32}));
  EXPECT_EQ(converter.target(), (FrameSize{16, 32}));
  // What was left is on top.
  EXPECT_EQ(converter.pixels()[0], 200);
  EXPECT_EQ(converter.pixels().back(), 200);
  EXPECT_FALSE(converter.is_hdr());
}

TEST(FrameConverterTest, ComposesBeforeItScales) {
  DecodeItem item{.path = "x", .frames = 1, .height = 32, .width = 48};
  item.background = 0x0000FF;
  FrameConverter converter(item, {});
  const TestFrame frame = Halves({255, 255, 255, 0}, {0, 0, 255, 255});
  ASSERT_TRUE(converter.Begin(*frame).ok());
  ASSERT_TRUE(converter.Convert(*frame).ok());
  EXPECT_EQ(converter.first_transparent_frame(), 0);
  std::vector<uint8_t> red_and_green;
  for (size_t i = 0; i < converter.pixels().size(); ++i) {
    if (i % 3 != 2) red_and_green.push_back(converter.pixels()[i]);
  }
  // No white fringe of what lies below.
  EXPECT_THAT(red_and_green, Each(0));
}

TEST(FrameConverterTest, SdrAndHdrAreNotMixed) {
  FrameConverter converter({.path = "x", .frames = 2}, {});
  const TestFrame sdr = Halves({1, 2, 3}, {4, 5, 6});
  const TestFrame hdr = Halves({1, 2, 3}, {4, 5, 6});
  hdr->color_trc = AVCOL_TRC_SMPTE2084;
  ASSERT_TRUE(converter.Begin(*sdr).ok());
  ASSERT_TRUE(converter.Convert(*sdr).ok());
  EXPECT_THAT(std::string(converter.Convert(*hdr).message()),
              HasSubstr("change between SDR and HDR"));
}

TEST(FrameConverterTest, CheckSaysWhatConvertSays) {
  for (bool refuse : {false, true}) {
    DecodeItem item{.path = "x", .frames = 3};
    item.refuse_transparency = refuse;
    FrameConverter converting(item, {}), checking(item, {});
    const TestFrame opaque = Halves({1, 2, 3, 255}, {4, 5, 6, 255});
    const TestFrame clear = Halves({1, 2, 3, 255}, {4, 5, 6, 9});
    const TestFrame other = Halves({1, 2, 3}, {4, 5, 6});
    ASSERT_TRUE(converting.Begin(*opaque).ok());
    ASSERT_TRUE(checking.Begin(*opaque).ok());
    for (const TestFrame* frame : {&opaque, &clear, &other}) {
      const absl::Status converted = converting.Convert(**frame);
      EXPECT_EQ(checking.Check(**frame), converted);
      EXPECT_EQ(checking.first_transparent_frame(),
                converting.first_transparent_frame());
      EXPECT_EQ(converted.ok(),
                frame == &opaque || (frame == &clear && !refuse));
    }
    EXPECT_EQ(checking.first_transparent_frame(), refuse ? -1 : 1);
    EXPECT_THAT(std::string(checking.Check(*other).message()),
                HasSubstr("its size or pixel format changes"));
  }
}

}  // namespace
}  // namespace halfpipe
