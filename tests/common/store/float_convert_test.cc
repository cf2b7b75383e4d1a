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

}  // namespace
}  // namespace halfpipe
