// Layers with 8-bit weights: the same function as a layer with the unpacked
// weights, exactly or within the rounding of its operands.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "stage/lora/lora_linear.h"

namespace halfpipe {
namespace {

constexpr int64_t kIn = 32;
constexpr int64_t kOut = 48;
constexpr int64_t kRank = 3;

std::unique_ptr<LoraAdapter> MakeAdapter(int64_t out) {
  auto adapter = std::make_unique<LoraAdapter>(MakeLoraAdapter(
      "m", kIn, out, kRank, /*scale=*/1.5, at::kCPU,
      [](absl::string_view, const at::Tensor& a) { a.uniform_(0.0, 1.0); }));
  adapter->b.master.normal_(0.0, 1.0);
  return adapter;
}

// The same two layers, with unpacked weights (kBf16) or in 8 bits.
struct Layer {
  LoraLinear linear;
  std::vector<LoraAdapter*> adapters;
};

Layer MakeLayer(WeightForm form, bool adapted = true) {
  at::manual_seed(7);
  auto scratch = std::make_shared<WeightScratch>();
  std::vector<LoraLinear::Member> members;
  for (int i = 0; i < 2; ++i) {
    const Fp8Matrix quantised = QuantiseRows(at::randn({kOut / 2, kIn}));
    LoraLinear::Member member;
    member.base.bias = at::randn({kOut / 2});
    member.base.weight = quantised.values;
    member.scales = quantised.scales;
    if (form == WeightForm::kBf16) {
      member.base.weight = at::empty({kOut / 2, kIn});
      Dequantise(quantised, member.base.weight);
    }
    if (adapted) member.adapter = MakeAdapter(kOut / 2);
    members.push_back(std::move(member));
  }
  Layer layer{LoraLinear(std::move(members), form, scratch), {}};
  layer.linear.AppendAdapters(&layer.adapters);
  return layer;
}

at::Tensor Wide(const at::Tensor& x, at::Tensor buffer) {
  buffer.fill_(std::nan(""));  // what the layer reads it must have written
  buffer.narrow(-1, 0, x.size(-1)).copy_(x);
  return buffer;
}

double Distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

TEST(Fp8LoraLinearTest, UnpackedWeightsGiveTheSameBits) {
  Layer plain = MakeLayer(WeightForm::kBf16);
  Layer packed = MakeLayer(WeightForm::kFp8);
  const at::Tensor x = at::randn({2, 5, kIn});
  const at::Tensor dy = at::randn({2, 5, kOut});
  const at::Tensor wide_x = Wide(x, plain.linear.InputBuffer(2, 5));
  const at::Tensor wide_dy = Wide(dy, plain.linear.GradientBuffer(2, 5));
  EXPECT_TRUE(
      packed.linear.Forward(wide_x).equal(plain.linear.Forward(wide_x)));
  EXPECT_TRUE(packed.linear.Forward(x).equal(plain.linear.Forward(x)));
  const at::Tensor dx = plain.linear.Backward(wide_dy, wide_x, true);
  EXPECT_TRUE(packed.linear.Backward(wide_dy, wide_x, true).equal(dx));
  for (size_t i = 0; i < plain.adapters.size(); ++i) {
    EXPECT_TRUE(packed.adapters[i]->a.grad.equal(plain.adapters[i]->a.grad));
    EXPECT_TRUE(packed.adapters[i]->b.grad.equal(plain.adapters[i]->b.grad));
  }
}

TEST(Fp8LoraLinearTest, LayersShareTheirScratch) {
  Layer first = MakeLayer(WeightForm::kFp8);
  Layer second = MakeLayer(WeightForm::kFp8, /*adapted=*/false);
  const at::Tensor x = at::randn({1, 4, kIn});
  const at::Tensor before = first.linear.Forward(x);
  (void)second.linear.Forward(x);
  EXPECT_TRUE(first.linear.Forward(x).equal(before));
}

TEST(Fp8LoraLinearTest, NewAdapterValuesReachTheProducts) {
  Layer plain = MakeLayer(WeightForm::kBf16);
  Layer packed = MakeLayer(WeightForm::kFp8);
  for (Layer* layer : {&plain, &packed}) {
    layer->adapters[1]->b.master.fill_(0.25);
    layer->adapters[1]->RefreshComputeCopies();
  }
  const at::Tensor x = at::randn({1, 4, kIn});
  EXPECT_TRUE(packed.linear.Forward(x).equal(plain.linear.Forward(x)));
}

// Both operands are rounded to e4m3: 2^-4 / sqrt(3) of a value at most, and
// about 0.03 of a sum of independent ones. The LoRA's part is not.
TEST(Fp8LoraLinearTest, ProductsIn8BitsAreWithinTheirRounding) {
  Layer plain = MakeLayer(WeightForm::kBf16);
  Layer fp8 = MakeLayer(WeightForm::kFp8Compute);
  const at::Tensor x = at::randn({2, 50, kIn});
  const at::Tensor dy = at::randn({2, 50, kOut});
  const at::Tensor wide_x = Wide(x, plain.linear.InputBuffer(2, 50));
  const at::Tensor wide_dy = Wide(dy, plain.linear.GradientBuffer(2, 50));
  const double forward =
      Distance(fp8.linear.Forward(wide_x), plain.linear.Forward(wide_x));
  EXPECT_GT(forward, 1e-4);
  EXPECT_LT(forward, 3e-2);
  const at::Tensor dx = fp8.linear.Backward(wide_dy, wide_x, true);
  const double backward =
      Distance(dx, plain.linear.Backward(wide_dy, wide_x, true));
  EXPECT_GT(backward, 1e-4);
  EXPECT_LT(backward, 4e-2);
  EXPECT_TRUE(dx.equal(fp8.linear.InputGradient(wide_dy)));
  for (size_t i = 0; i < plain.adapters.size(); ++i) {
    EXPECT_TRUE(fp8.adapters[i]->a.grad.equal(plain.adapters[i]->a.grad));
    EXPECT_TRUE(fp8.adapters[i]->b.grad.equal(plain.adapters[i]->b.grad));
  }
}

TEST(Fp8LoraLinearTest, InputsThatE4m3HoldsAreMultipliedExactly) {
  Layer plain = MakeLayer(WeightForm::kBf16, /*adapted=*/false);
  Layer fp8 = MakeLayer(WeightForm::kFp8Compute, /*adapted=*/false);
  at::Tensor x = at::randint(-8, 9, {1, 6, kIn}).to(at::kFloat);
  x.select(-1, 0).fill_(7.0);  // 448 / 64: the scale is a power of two
  x.clamp_(-7.0, 7.0);
  EXPECT_LT(Distance(fp8.linear.Forward(x), plain.linear.Forward(x)), 1e-6);
}

}  // namespace
}  // namespace halfpipe
