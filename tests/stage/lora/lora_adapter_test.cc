#include "stage/lora/lora_adapter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace halfpipe {
namespace {

// 0, 1/n, 2/n, ...; remembers the names it was asked for.
UniformSource Ramp(std::vector<std::string>* names) {
  return [names](absl::string_view name, at::Tensor out) {
    names->push_back(std::string(name));
    const auto n = static_cast<double>(out.numel());
    out.copy_(at::arange(out.numel(), at::kFloat).div(n).view(out.sizes()));
  };
}

TEST(LoraAdapterTest, StartsAsPeftDoes) {
  std::vector<std::string> names;
  const LoraAdapter adapter =
      MakeLoraAdapter("blocks.0.ffn.0", /*in=*/16, /*out=*/6, /*rank=*/3,
                      /*scale=*/2.0, at::kCPU, Ramp(&names));
  EXPECT_EQ(names, std::vector<std::string>{"blocks.0.ffn.0.lora_A"});
  EXPECT_EQ(adapter.a.master.sizes(), (std::vector<int64_t>{3, 16}));
  EXPECT_EQ(adapter.b.master.sizes(), (std::vector<int64_t>{6, 3}));
  EXPECT_FLOAT_EQ(adapter.a.master.min().item<float>(), -0.25f);
  EXPECT_LT(adapter.a.master.max().item<float>(), 0.25f);
  EXPECT_GT(adapter.a.master.max().item<float>(), 0.23f);
  EXPECT_EQ(adapter.b.master.abs().max().item<float>(), 0.0f);
  EXPECT_EQ(adapter.a.name, "blocks.0.ffn.0.lora_A");
}

TEST(LoraAdapterTest, ComputeCopiesFollowAndBHoldsTheScale) {
  std::vector<std::string> names;
  LoraAdapter adapter =
      MakeLoraAdapter("m", 4, 4, 2, 3.0, at::kCPU, Ramp(&names));
  adapter.RefreshComputeCopies();  // nothing to refresh yet
  adapter.a.compute = at::zeros({2, 4}, at::kBFloat16);
  adapter.b.compute = at::zeros({4, 2}, at::kBFloat16);
  adapter.b.master.fill_(0.5);
  adapter.RefreshComputeCopies();
  EXPECT_EQ(adapter.b.compute.min().item<float>(), 1.5f);
  EXPECT_TRUE(adapter.a.compute.equal(adapter.a.master.to(at::kBFloat16)));
  EXPECT_EQ(adapter.b.grad.scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace halfpipe
