#include "common/store/float_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

float FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

TEST(FloatConvertTest, RoundsToNearestEven) {
  EXPECT_EQ(FloatToBF16(1.0f), 0x3f80);
  EXPECT_EQ(FloatToBF16(-2.5f), 0xc020);
  EXPECT_EQ(FloatToBF16(FromBits(0x3f808000)), 0x3f80);  // tie, even stays
  EXPECT_EQ(FloatToBF16(FromBits(0x3f818000)), 0x3f82);  // tie, odd goes up
  EXPECT_EQ(FloatToBF16(FromBits(0x3f808001)), 0x3f81);
  EXPECT_EQ(FloatToBF16(FromBits(0x3f817fff)), 0x3f81);
  EXPECT_EQ(FloatToBF16(FromBits(0x7f7fffff)), 0x7f80);  // overflows to inf
  EXPECT_EQ(FloatToBF16(-0.0f), 0x8000);
}

TEST(FloatConvertTest, KeepsWhatIsNotFinite) {
  EXPECT_EQ(FloatToBF16(INFINITY), 0x7f80);
  EXPECT_EQ(FloatToBF16(-INFINITY), 0xff80);
  // A NaN whose upper bits are those of infinity must not become infinity.
  EXPECT_TRUE(std::isnan(BF16ToFloat(FloatToBF16(FromBits(0x7f800001)))));
  EXPECT_TRUE(std::isnan(F16ToFloat(0x7e00)));
  EXPECT_EQ(F16ToFloat(0xfc00), -INFINITY);
}

TEST(FloatConvertTest, EveryBF16ComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = BF16ToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(FloatToBF16(value), bits);
  }
}

TEST(FloatConvertTest, KnowsHalfs) {
  EXPECT_EQ(F16ToFloat(0x3c00), 1.0f);
  EXPECT_EQ(F16ToFloat(0xc100), -2.5f);
  EXPECT_EQ(F16ToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(F16ToFloat(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(F16ToFloat(0x0400), std::ldexp(1.0f, -14));
}

TEST(ReadFloatsTest, ReadsTheFloatTypes) {
  auto archive = OpenTensorArchive(Golden("layout.safetensors")).value();
  for (const char* name : {"b.F32", "b.BF16", "b.F16"}) {
    EXPECT_THAT(ReadFloats(*archive, name).value(), ElementsAre(1, 0, 1));
  }
  EXPECT_THAT(MessageOf(ReadFloats(*archive, "b.I64").status()),
              HasSubstr("'b.I64' is I64"));
  EXPECT_TRUE(absl::IsNotFound(ReadFloats(*archive, "none").status()));
}

TEST(FloatConvertTest, EveryF16ComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = F16ToFloat(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(F16ToFloat(FloatToF16(value))));
      continue;
    }
    ASSERT_EQ(FloatToF16(value), half) << bits;
  }
}

TEST(FloatConvertTest, F16RoundsToNearestEven) {
  EXPECT_EQ(FloatToF16(1.0f + 0x1p-11f), 0x3c00);  // tie, even stays
  EXPECT_EQ(FloatToF16(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(FloatToF16(1.0f + 0x1.2p-11f), 0x3c01);
  EXPECT_EQ(FloatToF16(2.0f - 0x1p-12f), 0x4000);  // carries into the exponent
  EXPECT_EQ(FloatToF16(65519.0f), 0x7bff);
  EXPECT_EQ(FloatToF16(-65520.0f), 0xfc00);
  EXPECT_EQ(FloatToF16(0x1p-25f), 0x0000);    // tie between 0 and the least
  EXPECT_EQ(FloatToF16(0x1.8p-24f), 0x0002);  // tie, odd goes up
  EXPECT_EQ(FloatToF16(-0x1p-24f), 0x8001);
  EXPECT_EQ(FloatToF16(0x1p-14f - 0x1p-26f), 0x0400);  // becomes normal
}

TEST(FloatConvertTest, BuffersNeedNoAlignment) {
  const float values[] = {1.5f, -0.25f};
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    ASSERT_TRUE(IsFloatingPoint(dtype));
    char bytes[9] = {};
    EncodeFloats(dtype, values, 2, bytes + 1);
    float back[2] = {};
    DecodeFloats(dtype, bytes + 1, 2, back);
    EXPECT_THAT(back, ElementsAre(1.5f, -0.25f)) << DTypeName(dtype);
  }
  EXPECT_FALSE(IsFloatingPoint(DType::kF8E4M3));
}

}  // namespace
}  // namespace halfpipe
