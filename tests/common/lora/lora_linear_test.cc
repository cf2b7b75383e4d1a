#include "common/lora/lora_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace halfpipe {
namespace {

constexpr double kScale = 1.5;

// A layer 5 -> 4 of rank 3 in float32, B not zero.
LoraLinear MakeLayer(bool adapted) {
  at::manual_seed(3);
  LinearWeights base = {at::randn({4, 5}), at::randn({4})};
  if (!adapted) return LoraLinear(base, nullptr);
  auto adapter = std::make_unique<LoraAdapter>(MakeLoraAdapter(
      "m", 5, 4, 3, kScale, {at::kCPU, at::kFloat},
      [](absl::string_view, at::Tensor out) { out.uniform_(0.0, 1.0); }));
  adapter->b.master.normal_(0.0, 1.0);
  return LoraLinear(base, std::move(adapter));
}

// The loss sum(y * dy), by which every gradient below is checked with central
// differences: the layer is linear in each argument, so they are exact.
double Loss(const LoraLinear& layer, const at::Tensor& x,
            const at::Tensor& dy) {
  at::Tensor unused;
  return (layer.Forward(x, &unused).to(at::kDouble) * dy.to(at::kDouble))
      .sum()
      .item<double>();
}

void ExpectDerivative(const LoraLinear& layer, const at::Tensor& x,
                      const at::Tensor& dy, at::Tensor variable,
                      const at::Tensor& gradient) {
  at::Tensor direction = at::randn(variable.sizes());
  const double up = (variable.add_(direction), Loss(layer, x, dy));
  const double down = (variable.sub_(direction, 2.0), Loss(layer, x, dy));
  variable.add_(direction);
  const double expected = (gradient * direction).sum().item<double>();
  EXPECT_NEAR((up - down) / 2.0, expected, 1e-3 * (1.0 + std::abs(expected)));
}

TEST(LoraLinearTest, ForwardAddsTheScaledProduct) {
  const LoraLinear layer = MakeLayer(true);
  const LoraLinear frozen = MakeLayer(false);
  const at::Tensor x = at::randn({2, 3, 5});
  at::Tensor projected, unused;
  const at::Tensor y = layer.Forward(x, &projected);
  const at::Tensor expected =
      frozen.Forward(x, &unused) +
      kScale * at::matmul(at::matmul(x, layer.adapter()->a.master.t()),
                          layer.adapter()->b.master.t());
  EXPECT_LT((y - expected).abs().max().item<float>(), 1e-5f);
  EXPECT_EQ(projected.sizes(), (std::vector<int64_t>{2, 3, 3}));
  EXPECT_FALSE(unused.defined());
}

TEST(LoraLinearTest, GradientsAgreeWithDifferences) {
  LoraLinear layer = MakeLayer(true);
  LoraAdapter& adapter = *layer.adapter();
  at::Tensor x = at::randn({2, 3, 5});
  const at::Tensor dy = at::randn({2, 3, 4});
  at::Tensor projected;
  layer.Forward(x, &projected);
  const at::Tensor dx = layer.Backward(dy, x, projected, /*need_dx=*/true);
  ExpectDerivative(layer, x, dy, x, dx);
  ExpectDerivative(layer, x, dy, adapter.a.master, adapter.a.grad);
  ExpectDerivative(layer, x, dy, adapter.b.master, adapter.b.grad);
}

TEST(LoraLinearTest, GradientsAddUpAndDxIsOptional) {
  LoraLinear layer = MakeLayer(true);
  LoraAdapter& adapter = *layer.adapter();
  const at::Tensor x = at::randn({1, 3, 5});
  const at::Tensor dy = at::randn({1, 3, 4});
  at::Tensor projected;
  layer.Forward(x, &projected);
  EXPECT_FALSE(layer.Backward(dy, x, projected, false).defined());
  const at::Tensor once = adapter.a.grad.clone();
  layer.Backward(dy, x, projected, false);
  EXPECT_TRUE(adapter.a.grad.equal(once * 2.0));
  adapter.ZeroGrad();
  EXPECT_EQ(adapter.b.grad.abs().max().item<float>(), 0.0f);
}

}  // namespace
}  // namespace halfpipe
