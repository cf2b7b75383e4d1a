#include "decode/tone_mapper.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "decode/test_frame.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// A grey PQ frame of one code value, of 10 bits.
TestFrame Grey(uint16_t code) {
  TestFrame frame = EmptyFrame(AV_PIX_FMT_YUV420P10LE, 32, 16);
  for (int plane = 0; plane < 3; ++plane) {
    const int height = plane == 0 ? 16 : 8, width = plane == 0 ? 32 : 16;
    for (int y = 0; y < height; ++y) {
      auto* row = reinterpret_cast<uint16_t*>(frame->data[plane] +
                                              y * frame->linesize[plane]);
      std::fill_n(row, width, plane == 0 ? code : uint16_t{512});
    }
  }
  frame->color_trc = AVCOL_TRC_SMPTE2084;
  return frame;
}

TEST(ToneMapperTest, KnowsHdr) {
  TestFrame frame = Grey(64);
  EXPECT_TRUE(IsHdr(*frame));
  frame->color_trc = AVCOL_TRC_ARIB_STD_B67;
  EXPECT_TRUE(IsHdr(*frame));
  for (AVColorTransferCharacteristic transfer :
       {AVCOL_TRC_BT709, AVCOL_TRC_UNSPECIFIED, AVCOL_TRC_BT2020_10,
        AVCOL_TRC_IEC61966_2_1}) {
    frame->color_trc = transfer;
    EXPECT_FALSE(IsHdr(*frame)) << transfer;
  }
}

// What says only its transfer function is taken for BT.2020 of limited range.
TEST(ToneMapperTest, GreyStaysGreyAndInOrder) {
  auto mapper = ToneMapper::Create(*Grey(64));
  ASSERT_TRUE(mapper.ok()) << mapper.status();
  int last = -1;
  for (const uint16_t code : std::vector<uint16_t>{64, 300, 500, 700, 940}) {
    auto mapped = (*mapper)->Map(*Grey(code));
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    const AVFrame& frame = **mapped;
    EXPECT_EQ(frame.format, AV_PIX_FMT_YUV420P);
    EXPECT_EQ(frame.colorspace, AVCOL_SPC_BT709);
    EXPECT_EQ(frame.width, 32);
    EXPECT_GT(frame.data[0][0], last) << code;
    EXPECT_NEAR(frame.data[1][0], 128, 1) << code;
    EXPECT_NEAR(frame.data[2][0], 128, 1) << code;
    last = frame.data[0][0];
  }
  EXPECT_NEAR((*(*mapper)->Map(*Grey(64)))->data[0][0], 16, 1);  // black
}

TEST(ToneMapperTest, AFormatThatIsNotTakenIsTheFilesProblem) {
  TestFrame frame = EmptyFrame(AV_PIX_FMT_YUV420P10LE, 32, 16);
  frame->format = AV_PIX_FMT_NONE;
  EXPECT_TRUE(absl::IsInvalidArgument(ToneMapper::Create(*frame).status()));
}

}  // namespace
}  // namespace halfpipe
