#include "stage/kernels/stored_scale.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfpipe {
namespace {

TEST(StoredScaleTest, EveryFormIsRowsByBlocks) {
  const at::Tensor one = at::full({}, 0.5, at::kBFloat16);
  EXPECT_TRUE(ScaleGrid(one, 3).equal(at::full({3, 1}, 0.5f, at::kFloat)));
  const at::Tensor rows = at::arange(3, at::kFloat);
  EXPECT_TRUE(ScaleGrid(rows, 3).equal(rows.view({3, 1})));
  EXPECT_TRUE(ScaleGrid(rows.view({3, 1}), 3).equal(rows.view({3, 1})));
  const at::Tensor blocks = at::arange(6, at::kFloat).view({3, 2, 1});
  EXPECT_TRUE(ScaleGrid(blocks, 3).equal(blocks.view({3, 2})));
}

TEST(StoredScaleTest, MultipliesInFloat32) {
  const at::Tensor values =
      at::arange(12, at::kFloat).view({3, 4}).to(at::kFloat8_e5m2);
  const at::Tensor grid = at::arange(1, 7, at::kFloat).view({3, 2}) / 7;
  const at::Tensor wide = values.to(at::kFloat);
  const at::Tensor expected =
      at::cat({wide.narrow(1, 0, 2) * grid.narrow(1, 0, 1),
               wide.narrow(1, 2, 2) * grid.narrow(1, 1, 1)},
              1);
  EXPECT_TRUE(TimesScale(values, grid).equal(expected));
}

// What the formats' definitions say of a byte: a sign, an exponent, the rest
// mantissa; the lowest exponent is that of subnormal numbers.
float ValueOf(int byte, int mantissa_bits, int bias, bool has_infinity) {
  const int mantissa = byte & ((1 << mantissa_bits) - 1);
  const int exponent = (byte & 0x7f) >> mantissa_bits;
  const int all_ones = 0x7f >> mantissa_bits;
  const float sign = (byte & 0x80) != 0 ? -1.0f : 1.0f;
  if (has_infinity && exponent == all_ones) {
    return mantissa == 0 ? sign * std::numeric_limits<float>::infinity() : NAN;
  }
  if (!has_infinity && (byte & 0x7f) == 0x7f) return NAN;
  const int whole = exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
  return sign * std::ldexp(static_cast<float>(whole),
                           std::max(exponent, 1) - bias - mantissa_bits);
}

TEST(StoredScaleTest, EveryByteIsWhatItsFormatSays) {
  const at::Tensor bytes = at::arange(256, at::kByte).view({1, 256});
  const at::Tensor grid = at::full({1, 1}, 0.3, at::kFloat);
  for (const bool e5m2 : {false, true}) {
    const at::Tensor product = TimesScale(
        bytes.view(e5m2 ? at::kFloat8_e5m2 : at::kFloat8_e4m3fn), grid);
    for (int byte = 0; byte < 256; ++byte) {
      const float value = ValueOf(byte, e5m2 ? 2 : 3, e5m2 ? 15 : 7, e5m2);
      const float found = product[0][byte].item<float>();
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(found)) << byte;
      } else {
        EXPECT_EQ(found, value * 0.3f) << byte;
      }
    }
  }
}

// A convolution's rows are whatever stands behind the first axis.
TEST(StoredScaleTest, KeepsTheShape) {
  const at::Tensor values = at::ones({2, 3, 1, 2, 2}, at::kHalf);
  const at::Tensor grid = at::arange(1, 3, at::kFloat).view({2, 1});
  const at::Tensor product = TimesScale(values, grid);
  EXPECT_EQ(product.sizes(), values.sizes());
  EXPECT_TRUE(product[1].eq(2.0).all().item<bool>());
}

}  // namespace
}  // namespace halfpipe
