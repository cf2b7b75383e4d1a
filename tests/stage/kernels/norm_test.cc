#include "stage/kernels/norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

constexpr double kEps = 1e-6;

// G = 1 (a row a sample), 3 (a row a frame) and L (a row a token).
class ModulatedLayerNormTest : public testing::TestWithParam<int64_t> {};

TEST_P(ModulatedLayerNormTest, FormulaAndGradient) {
  const int64_t groups = GetParam();
  const at::Tensor x = RandomTensor({2, 15, 7}, 1) * 3.0 + 0.5;
  const at::Tensor shift = RandomTensor({2, groups, 7}, 2);
  const at::Tensor scale = RandomTensor({2, groups, 7}, 3);
  LayerNormStats stats;
  const at::Tensor y = ModulatedLayerNorm(x, shift, scale, kEps, &stats);

  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor centred = wide - wide.mean(-1, true);
  const at::Tensor expected =
      centred / (centred.square().mean(-1, true) + kEps).sqrt() *
          (1.0 + scale.repeat_interleave(15 / groups, 1)) +
      shift.repeat_interleave(15 / groups, 1);
  ExpectClose(y, expected, 1e-5);

  const at::Tensor dy = RandomTensor({2, 15, 7}, 4);
  ExpectGradient(
      [&](const at::Tensor& at) {
        LayerNormStats unused;
        return ModulatedLayerNorm(at, shift, scale, kEps, &unused);
      },
      x, dy, ModulatedLayerNormBackward(dy, x, scale, stats));
}

INSTANTIATE_TEST_SUITE_P(Groups, ModulatedLayerNormTest,
                         testing::Values(1, 3, 15));

TEST(NormTest, AffineLayerNormFormulaAndGradient) {
  const at::Tensor x = RandomTensor({2, 5, 11}, 1) * 2.0 - 1.0;
  const at::Tensor weight = RandomTensor({11}, 2);
  const at::Tensor bias = RandomTensor({11}, 3);
  LayerNormStats stats;
  const at::Tensor y = AffineLayerNorm(x, weight, bias, kEps, &stats);
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor centred = wide - wide.mean(-1, true);
  ExpectClose(
      y,
      centred / (centred.square().mean(-1, true) + kEps).sqrt() * weight + bias,
      1e-5);
  const at::Tensor dy = RandomTensor({2, 5, 11}, 4);
  ExpectGradient(
      [&](const at::Tensor& at) {
        LayerNormStats unused;
        return AffineLayerNorm(at, weight, bias, kEps, &unused);
      },
      x, dy, AffineLayerNormBackward(dy, x, weight, stats));
}

// Rows of a wider tensor on both sides, and the residual's gradient added.
TEST(NormTest, WritesInPlaceAndAddsTheResidual) {
  const at::Tensor x = RandomTensor({2, 6, 12}, 1).narrow(2, 1, 8);
  const at::Tensor shift = RandomTensor({2, 3, 8}, 2);
  const at::Tensor scale = RandomTensor({2, 3, 8}, 3);
  const at::Tensor wider = at::full({2, 6, 10}, 7.0);
  const at::Tensor out = wider.narrow(2, 0, 8);
  LayerNormStats stats;
  const at::Tensor y = ModulatedLayerNorm(x, shift, scale, kEps, &stats);
  EXPECT_TRUE(
      ModulatedLayerNorm(x, shift, scale, kEps, &stats, out).is_same(out));
  EXPECT_TRUE(out.equal(y));
  const at::Tensor dy = RandomTensor({2, 6, 8}, 4);
  const at::Tensor residual = RandomTensor({2, 6, 8}, 5);
  ExpectClose(ModulatedLayerNormBackward(dy, x, scale, stats, residual),
              ModulatedLayerNormBackward(dy, x, scale, stats) + residual, 1e-6);

  const at::Tensor weight = RandomTensor({8}, 6);
  const at::Tensor bias = RandomTensor({8}, 7);
  const at::Tensor affine = AffineLayerNorm(x, weight, bias, kEps, &stats);
  AffineLayerNorm(x, weight, bias, kEps, &stats, out);
  EXPECT_TRUE(out.equal(affine));
  ExpectClose(AffineLayerNormBackward(dy, x, weight, stats, residual),
              AffineLayerNormBackward(dy, x, weight, stats) + residual, 1e-6);
  EXPECT_TRUE(wider.narrow(2, 8, 2).eq(7.0).all().item<bool>());
}

TEST(NormTest, RmsNormFormulaAndGradient) {
  const at::Tensor x = RandomTensor({2, 5, 9}, 1) + 0.3;
  const at::Tensor weight = RandomTensor({9}, 2);
  at::Tensor rstd;
  const at::Tensor y = RmsNorm(x, weight, kEps, &rstd);
  const at::Tensor wide = x.to(at::kDouble);
  ExpectClose(y, wide / (wide.square().mean(-1, true) + kEps).sqrt() * weight,
              1e-5);
  const at::Tensor dy = RandomTensor({2, 5, 9}, 3);
  ExpectGradient(
      [&](const at::Tensor& at) {
        at::Tensor unused;
        return RmsNorm(at, weight, kEps, &unused);
      },
      x, dy, RmsNormBackward(dy, x, weight, rstd));
}

// In bfloat16 only the inputs and results are rounded.
TEST(NormTest, Bfloat16ComputesInFloat) {
  const at::Tensor x = RandomTensor({1, 6, 64}, 1).to(at::kBFloat16);
  const at::Tensor shift = RandomTensor({1, 1, 64}, 2);
  const at::Tensor scale = RandomTensor({1, 1, 64}, 3);
  LayerNormStats stats;
  const at::Tensor y = ModulatedLayerNorm(x, shift, scale, kEps, &stats);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_EQ(stats.mean.scalar_type(), at::kFloat);
  LayerNormStats unused;
  const at::Tensor wide =
      ModulatedLayerNorm(x.to(at::kFloat), shift, scale, kEps, &unused);
  EXPECT_TRUE(y.equal(wide.to(at::kBFloat16)));
}

TEST(NormTest, GroupsMustDivideTheTokens) {
  EXPECT_THROW(GroupTokens(RandomTensor({1, 7, 2}, 1), 2), c10::Error);
}

}  // namespace
}  // namespace halfpipe
