#include "stage/kernels/fp8.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace halfpipe {
namespace {

at::Tensor Unpacked(const Fp8Matrix& matrix) {
  at::Tensor out = at::empty(matrix.values.sizes(), at::kFloat);
  Dequantise(matrix, out);
  return out;
}

double Distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

TEST(Fp8Test, EachValueIsWithinItsRoundingError) {
  at::manual_seed(1);
  // Rows of very different sizes: each has a scale of its own.
  const at::Tensor x =
      at::randn({7, 300}) * at::logspace(-6, 6, 7).unsqueeze(-1);
  const Fp8Matrix quantised = QuantiseRows(x);
  EXPECT_EQ(quantised.values.scalar_type(), at::kFloat8_e4m3fn);
  const at::Tensor largest = x.abs().amax(-1, true);
  const at::Tensor bound = x.abs() / 16.0 + largest * std::exp2(-19.0);
  EXPECT_TRUE(((Unpacked(quantised) - x).abs() <= bound).all().item<bool>());
  EXPECT_TRUE(quantised.scales.allclose(largest.squeeze(-1) / 448.0));
}

TEST(Fp8Test, WhatE4m3HoldsStaysExact) {
  const at::Tensor x = at::tensor({448.0f, -0.4375f, 0.001953125f, 0.0f, 26.0f,
                                   -15.0f, 1.125f, 208.0f})
                           .view({1, 8});
  EXPECT_TRUE(Unpacked(QuantiseRows(x)).equal(x));
}

TEST(Fp8Test, ZerosStayAndWhatIsNotFiniteStaysNotFinite) {
  at::Tensor x = at::ones({3, 4});
  x[0].zero_();
  x[1][2] = std::numeric_limits<float>::infinity();
  x[2][1] = std::nan("");
  const at::Tensor back = Unpacked(QuantiseRows(x));
  EXPECT_TRUE(back[0].equal(x[0]));
  EXPECT_FALSE(std::isfinite(back[1].sum().item<float>()));
  EXPECT_FALSE(std::isfinite(back[2].sum().item<float>()));
}

TEST(Fp8Test, ColumnFactorsComeBeforeTheRounding) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({3, 40});
  const at::Tensor factors = at::rand({40}) + 0.5;
  const Fp8Matrix quantised = QuantiseRows(x, factors);
  EXPECT_TRUE(quantised.values.view(at::kByte).equal(
      QuantiseRows(x * factors).values.view(at::kByte)));
}

TEST(Fp8Test, ProductIsThatOfTheRoundedMatrices) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({5, 64});
  const at::Tensor w = at::randn({6, 64});
  const at::Tensor bias = at::randn({6});
  const Fp8Matrix left = QuantiseRows(x);
  const Fp8Matrix right = QuantiseRows(w);
  const at::Tensor y = Fp8Product(left, right, bias, at::kFloat);
  const at::Tensor expected =
      at::addmm(bias, Unpacked(left), Unpacked(right).t());
  EXPECT_LT(Distance(y, expected), 1e-6);
  const double error = Distance(y, at::addmm(bias, x, w.t()));
  EXPECT_GT(error, 1e-3);  // it is rounded
  EXPECT_LT(error, 6e-2);
}

TEST(Fp8Test, TransposesBytes) {
  const at::Tensor values = QuantiseRows(at::randn({12, 20})).values;
  at::Tensor out = at::empty({20, 12}, values.options());
  TransposeBytes(values, out);
  EXPECT_TRUE(
      out.view(at::kByte).equal(values.view(at::kByte).t().contiguous()));
}

}  // namespace
}  // namespace halfpipe
