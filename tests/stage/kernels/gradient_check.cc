#include "stage/kernels/gradient_check.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

namespace halfpipe {

at::Tensor RandomTensor(const std::vector<int64_t>& shape, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::empty(shape, at::kFloat).normal_(0.0, 1.0, generator);
}

void ExpectGradient(const std::function<at::Tensor(const at::Tensor&)>& forward,
                    const at::Tensor& x, const at::Tensor& cotangent,
                    const at::Tensor& gradient, double tolerance) {
  ASSERT_EQ(gradient.sizes(), x.sizes());
  auto value = [&](const at::Tensor& at) {
    return (forward(at).to(at::kDouble) * cotangent.to(at::kDouble))
        .sum()
        .item<double>();
  };
  constexpr double kStep = 1e-2;
  const double norm = gradient.to(at::kDouble).norm().item<double>();
  ASSERT_GT(norm, 1e-3);
  // The gradient's own direction shows a wrong length, random ones the rest.
  for (uint64_t seed = 0; seed < 5; ++seed) {
    at::Tensor direction = seed == 0
                               ? gradient.to(at::kFloat).clone()
                               : RandomTensor(x.sizes().vec(), 1000 + seed);
    direction.div_(direction.norm());
    const double slope =
        (value(x + kStep * direction) - value(x - kStep * direction)) /
        (2.0 * kStep);
    const double expected =
        (gradient.to(at::kDouble) * direction.to(at::kDouble))
            .sum()
            .item<double>();
    EXPECT_NEAR(slope, expected, tolerance * norm) << "direction " << seed;
  }
}

void ExpectClose(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  ASSERT_EQ(a.sizes(), b.sizes());
  const at::Tensor difference = a.to(at::kDouble) - b.to(at::kDouble);
  const double norm = b.to(at::kDouble).norm().item<double>();
  EXPECT_LE(difference.norm().item<double>(), tolerance * norm);
}

}  // namespace halfpipe
