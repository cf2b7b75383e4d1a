// A block, its sublayers and the head by finite differences: the golden files
// say that the model is right, these say which part is wrong.
#include "stage/wan/wan_block.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "common/model/published_sizes.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/cross_attention.h"
#include "stage/wan/feed_forward.h"
#include "stage/wan/head.h"
#include "stage/wan/layer_loader.h"
#include "stage/wan/pipeline_parts.h"
#include "stage/wan/self_attention.h"

namespace halfpipe {
namespace {

constexpr int64_t kTokens = 6;  // a grid of 2 x 1 x 3
constexpr BlockPlan kKeepAll;

LoraSpec TinySpec() {
  LoraSpec spec;
  spec.rank = 2;
  return spec;
}

ModelSpec ImageWan() {
  ModelSpec wan = TinyWan();
  wan.heads = 2;  // of 6
  wan.image_dim = 8;
  return wan;
}

class WanBlockTest : public testing::Test {
 protected:
  WanBlockTest()
      : weights_(ImageWan(), 3),
        uniform_(TestUniform()),
        loader_(&weights_, {at::kCPU, at::kFloat}, TinySpec(), &uniform_) {
    at::manual_seed(1);
    conditioning_.grid = {2, 1, 3};
    conditioning_.context = at::randn({2, 9, 12});
    conditioning_.image_tokens = 4;
    conditioning_.t_mod = at::randn({2, 2, 6, 12}) * 0.5;
    conditioning_.rope = RopeTable(conditioning_.grid, 6, at::kCPU);
  }

  RandomWeights weights_;
  UniformSource uniform_;
  LayerLoader loader_;
  Conditioning conditioning_;
};

// The slope of `loss` in a random direction of `variable`, against `gradient`.
void ExpectSlope(const std::function<double()>& loss, at::Tensor variable,
                 const at::Tensor& gradient) {
  constexpr double kStep = 1e-2;
  const double norm = gradient.norm().item<double>();
  ASSERT_GT(norm, 1e-4);
  at::Tensor direction = at::randn(variable.sizes());
  direction.div_(direction.norm());
  const at::Tensor before = variable.clone();
  variable.add_(direction, kStep);
  const double up = loss();
  variable.copy_(before).sub_(direction, kStep);
  const double down = loss();
  variable.copy_(before);
  EXPECT_NEAR((up - down) / (2.0 * kStep),
              (gradient * direction).sum().item<double>(), 5e-3 * norm);
}

TEST_F(WanBlockTest, GradientsOfInputAndEveryAdapter) {
  auto block = WanBlock::Load(loader_, 1, AttentionBackend::kCpuFlash,
                              /*parts=*/1);
  ASSERT_TRUE(block.ok()) << block.status();
  std::vector<LoraAdapter*> adapters;
  block->AppendAdapters(&adapters);
  ASSERT_EQ(adapters.size(), 10u);
  for (LoraAdapter* adapter : adapters) {
    adapter->b.master.normal_(0.0, 0.3);
    adapter->RefreshComputeCopies();
  }
  at::Tensor x = at::randn({2, kTokens, 12});
  const at::Tensor d = at::randn({2, kTokens, 12});
  BlockSaved saved;
  const at::Tensor y = block->Forward(x, conditioning_, kKeepAll, &saved);
  const at::Tensor dx =
      block->Backward(d, conditioning_, std::move(saved), /*need_dx=*/true);
  const auto loss = [&] {
    for (LoraAdapter* adapter : adapters) adapter->RefreshComputeCopies();
    BlockSaved unused;
    return (block->Forward(x, conditioning_, kKeepAll, &unused)
                .to(at::kDouble) *
            d.to(at::kDouble))
        .sum()
        .item<double>();
  };
  ExpectSlope(loss, x, dx);
  for (LoraAdapter* adapter : adapters) {
    SCOPED_TRACE(adapter->module);
    ExpectSlope(loss, adapter->a.master, adapter->a.grad);
    ExpectSlope(loss, adapter->b.master, adapter->b.grad);
  }
}

// Whatever subset of the groups is freed, Restore computes the same bits again,
// or leaves it to Backward, which comes to the same gradients.
TEST_F(WanBlockTest, RestoreMakesWhatThePlanFreed) {
  auto block = WanBlock::Load(loader_, 1, AttentionBackend::kCpuFlash,
                              /*parts=*/1);
  ASSERT_TRUE(block.ok()) << block.status();
  std::vector<LoraAdapter*> adapters;
  block->AppendAdapters(&adapters);
  const at::Tensor x = at::randn({2, kTokens, 12});
  const at::Tensor d = at::randn({2, kTokens, 12});
  // dx, and dB of every adapter (B is 0, so that dA is too).
  const auto gradients = [&](const BlockSaved& saved) {
    for (LoraAdapter* adapter : adapters) adapter->ZeroGrad();
    std::vector<at::Tensor> result = {
        block->Backward(d, conditioning_, saved, /*need_dx=*/true)};
    for (LoraAdapter* adapter : adapters) {
      result.push_back(adapter->b.grad.clone());
    }
    return result;
  };
  BlockSaved kept;
  const at::Tensor y = block->Forward(x, conditioning_, kKeepAll, &kept);
  const std::vector<at::Tensor> exact = gradients(kept);
  for (uint32_t freed = 0; freed < 1U << kSavedGroups; freed += 2) {
    BlockPlan plan;
    for (size_t group = 1; group < kSavedGroups; ++group) {
      if ((freed >> group & 1U) != 0) plan.fates[group] = Fate::kRecompute;
    }
    SCOPED_TRACE(freed);
    BlockSaved saved;
    ASSERT_TRUE(y.equal(block->Forward(x, conditioning_, plan, &saved)));
    for (const SavedField& field : saved.Fields()) {
      if (plan.of(field.group) != Fate::kRecompute) continue;
      ASSERT_FALSE(field.tensor->defined());
    }
    block->Restore(conditioning_, &saved);
    const SavedFields expected = kept.Fields();
    const SavedFields restored = saved.Fields();
    const auto is_left = [&](SavedGroup group) {
      return (group == SavedGroup::kQkv &&
              plan.of(SavedGroup::kSelfOut) == Fate::kKeep) ||
             (group == SavedGroup::kCrossQ &&
              plan.of(SavedGroup::kCrossOut) == Fate::kKeep);
    };
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!expected[i].tensor->defined()) continue;
      if (!restored[i].tensor->defined()) {
        ASSERT_TRUE(is_left(expected[i].group)) << i;
        continue;
      }
      ASSERT_TRUE(expected[i].tensor->equal(*restored[i].tensor)) << i;
    }
    const std::vector<at::Tensor> again = gradients(saved);
    for (size_t i = 0; i < exact.size(); ++i) {
      ASSERT_TRUE(exact[i].equal(again[i])) << i;
    }
  }
}

// Heads are independent: a group of them at a time gives the same bits.
TEST_F(WanBlockTest, SelfAttentionInGroupsOfHeads) {
  const at::Tensor x = at::randn({2, kTokens, 12});
  const at::Tensor d = at::randn({2, kTokens, 12});
  const Modulation rows =
      ModulationOf(at::randn({1, 6, 12}), conditioning_.t_mod, 0);
  std::vector<at::Tensor> first;
  for (int64_t parts : {1, 2, 3, 8}) {  // of two heads
    SCOPED_TRACE(parts);
    auto layer = SelfAttention::Load(loader_, "blocks.1.self_attn.",
                                     AttentionBackend::kCpuFlash, parts);
    ASSERT_TRUE(layer.ok()) << layer.status();
    std::vector<LoraAdapter*> adapters;
    layer->AppendAdapters(&adapters);
    SelfAttentionSaved saved;
    saved.x = x;
    layer->Restore(rows, conditioning_, &saved);
    std::vector<at::Tensor> result = {
        layer->Backward(d, rows, conditioning_, saved, /*need_dx=*/true)};
    for (LoraAdapter* adapter : adapters) {
      result.push_back(adapter->b.grad.clone());
    }
    if (first.empty()) first = result;
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(first[i].equal(result[i])) << i;
    }
  }
}

TEST_F(WanBlockTest, HeadGradient) {
  auto head = Head::Load(loader_);
  ASSERT_TRUE(head.ok()) << head.status();
  at::Tensor x = at::randn({2, kTokens, 12});
  const at::Tensor time = at::randn({2, 2, 12});
  HeadSaved saved;
  const at::Tensor prediction =
      head->Forward(x, time, conditioning_.grid, &saved);
  ASSERT_EQ(prediction.sizes(), (std::vector<int64_t>{2, 4, 2, 2, 6}));
  const at::Tensor d = at::randn(prediction.sizes());
  const auto loss = [&] {
    HeadSaved unused;
    return (head->Forward(x, time, conditioning_.grid, &unused)
                .to(at::kDouble) *
            d.to(at::kDouble))
        .sum()
        .item<double>();
  };
  ExpectSlope(loss, x, head->Backward(d, saved));
}

TEST(ConditioningTest, SplitsContextAndModulation) {
  Conditioning conditioning;
  conditioning.context = at::arange(5, at::kFloat).view({1, 5, 1});
  conditioning.image_tokens = 2;
  EXPECT_EQ(conditioning.ImageContext().size(1), 2);
  EXPECT_EQ(conditioning.TextContext()[0][0][0].item<float>(), 2.0f);
  const at::Tensor table = at::arange(6, at::kFloat).view({1, 6, 1});
  const at::Tensor t_mod = at::full({1, 2, 6, 1}, 10.0, at::kFloat);
  const Modulation rows = ModulationOf(table, t_mod, 3);
  EXPECT_EQ(rows.shift.sizes(), (std::vector<int64_t>{1, 2, 1}));
  EXPECT_EQ(rows.shift[0][1][0].item<float>(), 13.0f);
  EXPECT_EQ(rows.scale[0][0][0].item<float>(), 14.0f);
  EXPECT_EQ(rows.gate[0][0][0].item<float>(), 15.0f);
}

}  // namespace
}  // namespace halfpipe
