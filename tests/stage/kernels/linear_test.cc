#include "stage/kernels/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

TEST(LinearTest, GradientOfTheInput) {
  const LinearWeights weights = {RandomTensor({5, 3}, 1), RandomTensor({5}, 2)};
  const at::Tensor x = RandomTensor({2, 7, 3}, 3);
  const at::Tensor dy = RandomTensor({2, 7, 5}, 4);
  ExpectGradient([&](const at::Tensor& at) { return Linear(at, weights); }, x,
                 dy, LinearBackward(dy, weights));
}

TEST(LinearTest, NarrowWeightsAreWidenedInParts) {
  // Three parts of 1024 rows and one of what is left.
  const at::Tensor weight = RandomTensor({3100, 16384}, 1).to(at::kBFloat16);
  const at::Tensor bias = RandomTensor({3100}, 2).to(at::kFloat);
  const at::Tensor x = RandomTensor({2, 16384}, 3).to(at::kFloat);
  const at::Tensor expected = at::addmm(bias, x, weight.to(at::kFloat).t());
  const at::Tensor y = Linear(x, {weight, bias});
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_LT(((y - expected).norm() / expected.norm()).item<double>(), 1e-6);
  const at::Tensor dx = LinearBackward(y, {weight, bias});
  EXPECT_LT(((dx - at::matmul(y, weight.to(at::kFloat))).norm() / dx.norm())
                .item<double>(),
            1e-6);
}

TEST(LinearTest, RowOuterProductSumsOverAllRows) {
  const at::Tensor left = RandomTensor({2, 7, 3}, 1);
  const at::Tensor right = RandomTensor({2, 7, 5}, 2);
  const at::Tensor product = RowOuterProduct(left, right);
  EXPECT_EQ(product.sizes(), (std::vector<int64_t>{3, 5}));
  const double expected =
      (left.select(2, 1) * right.select(2, 4)).sum().item<double>();
  EXPECT_NEAR(product[1][4].item<double>(), expected, 1e-5);
}

}  // namespace
}  // namespace halfpipe
