#include "stage/lora/lora_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace halfpipe {
namespace {

constexpr double kScale = 1.5;
constexpr int64_t kIn = 5;

LoraLinear::Member MakeMember(int64_t out, int64_t rank) {
  LoraLinear::Member member;
  member.base = {at::randn({out, kIn}), at::randn({out})};
  if (rank == 0) return member;
  member.adapter = std::make_unique<LoraAdapter>(MakeLoraAdapter(
      "m", kIn, out, rank, kScale, at::kCPU,
      [](absl::string_view, at::Tensor a) { a.uniform_(0.0, 1.0); }));
  member.adapter->b.master.normal_(0.0, 1.0);
  return member;
}

struct Layers {
  LoraLinear joint;
  std::vector<LinearWeights> bases;
  std::vector<LoraAdapter*> adapters;  // of the members that have one
};

// Two layers with adapters of different ranks around a frozen one.
Layers MakeLayers() {
  at::manual_seed(3);
  std::vector<LoraLinear::Member> members;
  members.push_back(MakeMember(4, 3));
  members.push_back(MakeMember(2, 0));
  members.push_back(MakeMember(6, 2));
  Layers layers;
  for (const LoraLinear::Member& member : members) {
    layers.bases.push_back(
        {member.base.weight.clone(), member.base.bias.clone()});
  }
  layers.joint = LoraLinear(std::move(members));
  layers.joint.AppendAdapters(&layers.adapters);
  return layers;
}

at::Tensor Wide(const at::Tensor& x, at::Tensor buffer) {
  buffer.fill_(std::nan(""));  // what the layer reads it must have written
  buffer.narrow(-1, 0, x.size(-1)).copy_(x);
  return buffer;
}

at::Tensor WideInput(const Layers& layers, const at::Tensor& x) {
  return Wide(x, layers.joint.InputBuffer(x.size(0), x.size(1)));
}

at::Tensor WideGradient(const Layers& layers, const at::Tensor& dy) {
  return Wide(dy, layers.joint.GradientBuffer(dy.size(0), dy.size(1)));
}

// Each member by itself, from the masters.
at::Tensor Expected(const Layers& layers, const at::Tensor& x) {
  const auto adapted = [&](size_t base, size_t adapter) {
    const LoraAdapter& lora = *layers.adapters[adapter];
    return Linear(x, layers.bases[base]) +
           kScale *
               at::matmul(at::matmul(x, lora.a.master.t()), lora.b.master.t());
  };
  return at::cat({adapted(0, 0), Linear(x, layers.bases[1]), adapted(2, 1)},
                 -1);
}

double Distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

TEST(LoraLinearTest, ForwardIsEachMembersSum) {
  const Layers layers = MakeLayers();
  const at::Tensor x = at::randn({2, 3, kIn});
  const at::Tensor expected = Expected(layers, x);
  EXPECT_LT(Distance(layers.joint.Forward(x), expected), 1e-6);
  EXPECT_LT(Distance(layers.joint.Forward(WideInput(layers, x)), expected),
            1e-6);
}

// The loss sum(y * dy), by which every gradient below is checked with central
// differences: the layer is linear in each argument, so they are exact.
void ExpectDerivative(const Layers& layers, const at::Tensor& x,
                      const at::Tensor& dy, at::Tensor variable,
                      const at::Tensor& gradient) {
  const auto loss = [&] {
    return (Expected(layers, x).to(at::kDouble) * dy.to(at::kDouble))
        .sum()
        .item<double>();
  };
  at::Tensor direction = at::randn(variable.sizes());
  const double up = (variable.add_(direction), loss());
  const double down = (variable.sub_(direction, 2.0), loss());
  variable.add_(direction);
  const double expected = (gradient * direction).sum().item<double>();
  EXPECT_NEAR((up - down) / 2.0, expected, 1e-3 * (1.0 + std::abs(expected)));
}

TEST(LoraLinearTest, GradientsAgreeWithDifferences) {
  for (const bool wide : {false, true}) {
    SCOPED_TRACE(wide);
    Layers layers = MakeLayers();
    at::Tensor x = at::randn({2, 3, kIn});
    const at::Tensor dy = at::randn({2, 3, 12});
    const at::Tensor gradient = wide ? WideGradient(layers, dy) : dy;
    const at::Tensor dx = layers.joint.Backward(
        gradient, wide ? WideInput(layers, x) : x, /*need_dx=*/true);
    EXPECT_TRUE(dx.equal(layers.joint.InputGradient(gradient)));
    ExpectDerivative(layers, x, dy, x, dx);
    for (LoraAdapter* adapter : layers.adapters) {
      ExpectDerivative(layers, x, dy, adapter->a.master, adapter->a.grad);
      ExpectDerivative(layers, x, dy, adapter->b.master, adapter->b.grad);
    }
  }
}

TEST(LoraLinearTest, AFrozenLayerHasNoRoom) {
  at::manual_seed(4);
  std::vector<LoraLinear::Member> members;
  members.push_back(MakeMember(4, 0));
  const LinearWeights base = members[0].base;
  LoraLinear layer(std::move(members));
  EXPECT_EQ(layer.InputBuffer(1, 2).size(-1), kIn);
  const at::Tensor x = at::randn({1, 3, kIn});
  EXPECT_TRUE(layer.Forward(x).allclose(Linear(x, base)));
  const at::Tensor dy = at::randn({1, 3, 4});
  EXPECT_TRUE(
      layer.Backward(dy, x, true).allclose(at::matmul(dy, base.weight)));
}

TEST(LoraLinearTest, GradientsAddUpAndDxIsOptional) {
  Layers layers = MakeLayers();
  LoraAdapter& adapter = *layers.adapters[0];
  const at::Tensor x = at::randn({1, 3, kIn});
  const at::Tensor dy = at::randn({1, 3, 12});
  EXPECT_FALSE(layers.joint.Backward(dy, x, false).defined());
  const at::Tensor once = adapter.a.grad.clone();
  layers.joint.Backward(dy, x, false);
  EXPECT_TRUE(adapter.a.grad.equal(once * 2.0));
  adapter.ZeroGrad();
  EXPECT_EQ(adapter.b.grad.abs().max().item<float>(), 0.0f);
}

}  // namespace
}  // namespace halfpipe
