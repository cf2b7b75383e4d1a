#include "stage/kernels/residual.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

TEST(ResidualTest, GateIsSharedByTheTokensOfAGroup) {
  const at::Tensor x = RandomTensor({2, 6, 5}, 1);
  const at::Tensor y = RandomTensor({2, 6, 5}, 2);
  const at::Tensor gate = RandomTensor({2, 3, 5}, 3);
  const at::Tensor sum = GatedResidual(x, gate, y);
  ExpectClose(sum, x + gate.repeat_interleave(2, 1) * y, 1e-6);
  const at::Tensor d = RandomTensor({2, 6, 5}, 4);
  ExpectGradient(
      [&](const at::Tensor& at) { return GatedResidual(x, gate, at); }, y, d,
      GatedResidualBackward(d, gate));
}

TEST(ResidualTest, KeepsTheDtypeAndLeavesTheInputsAlone) {
  const at::Tensor x = RandomTensor({1, 4, 8}, 1).to(at::kBFloat16);
  const at::Tensor before = x.clone();
  const at::Tensor gate = RandomTensor({1, 1, 8}, 2);
  EXPECT_EQ(GatedResidual(x, gate, x).scalar_type(), at::kBFloat16);
  EXPECT_TRUE(x.equal(before));
}

TEST(ResidualTest, GeluTanhFormulaAndGradient) {
  const at::Tensor x = RandomTensor({3, 7}, 1) * 2.0;
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor inner =
      0.7978845608028654 * (wide + 0.044715 * wide * wide * wide);
  ExpectClose(GeluTanh(x), 0.5 * wide * (1.0 + inner.tanh()), 1e-6);
  const at::Tensor dy = RandomTensor({3, 7}, 2);
  ExpectGradient([](const at::Tensor& at) { return GeluTanh(at); }, x, dy,
                 GeluTanhBackward(dy, x).dx);
}

TEST(ResidualTest, WritesInPlace) {
  const at::Tensor x = RandomTensor({2, 6, 5}, 1);
  const at::Tensor dy = RandomTensor({2, 6, 5}, 2);
  const at::Tensor gate = RandomTensor({2, 1, 5}, 3);
  const at::Tensor wider = at::full({2, 6, 7}, 7.0);
  const at::Tensor out = wider.narrow(2, 0, 5);
  EXPECT_TRUE(GatedResidualBackward(dy, gate, out).is_same(out));
  EXPECT_TRUE(out.equal(GatedResidualBackward(dy, gate)));
  EXPECT_TRUE(GeluTanh(x, out).is_same(out));
  EXPECT_TRUE(out.equal(GeluTanh(x)));
  EXPECT_TRUE(wider.narrow(2, 5, 2).eq(7.0).all().item<bool>());
  EXPECT_THROW(GeluTanh(x, wider), c10::Error);
}

// The results may take the place of the inputs.
TEST(ResidualTest, GeluBackwardGivesTheActivationAgain) {
  const at::Tensor x = RandomTensor({2, 6, 5}, 1);
  const at::Tensor dy = RandomTensor({2, 6, 5}, 2);
  const GeluGradient gradient = GeluTanhBackward(dy, x);
  EXPECT_TRUE(gradient.activated.equal(GeluTanh(x)));
  const at::Tensor own_x = x.clone(), own_dy = dy.clone();
  GeluTanhBackward(own_dy, own_x, own_dy, own_x);
  EXPECT_TRUE(own_dy.equal(gradient.dx));
  EXPECT_TRUE(own_x.equal(gradient.activated));
}

}  // namespace
}  // namespace halfpipe
