// What the parity tests do not show: refusals, the life of saved state.
#include "stage/wan/wan_part.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/model/published_sizes.h"
#include "stage/wan/pipeline_parts.h"

namespace halfpipe {
namespace {

constexpr BlockRange kBoth = {0, 2};

LoraSpec TinyLora() {
  LoraSpec spec;
  spec.rank = 2;
  return spec;
}

std::unique_ptr<WanPart> MakePart(const StageModelOptions& options,
                                  int64_t layers = 2) {
  ModelSpec wan = TinyWan();
  wan.layers = layers;
  auto part = WanPart::Create(RandomWeights(wan, 1), options, TestUniform());
  EXPECT_TRUE(part.ok()) << part.status();
  return *std::move(part);
}

StageModelOptions AllBlocks(ActivationPolicy policy) {
  StageModelOptions options;
  options.blocks = {kBoth};
  options.lora = TinyLora();
  options.plan = ActivationPlan::Uniform(policy, 2);
  return options;
}

MicrobatchInputs TinyInputs() {
  at::manual_seed(1);
  MicrobatchInputs inputs;
  inputs.latents = at::randn({1, 4, 2, 4, 6});
  inputs.timestep = at::full({1}, 500.0, at::kFloat);
  inputs.context = at::randn({1, 3, 6});
  return inputs;
}

absl::StatusCode CreateCode(const StageModelOptions& options) {
  return WanPart::Create(RandomWeights(TinyWan(), 1), options, TestUniform())
      .status()
      .code();
}

TEST(WanPartTest, RefusesOptionsThatCannotBe) {
  StageModelOptions options = AllBlocks(ActivationPolicy::kKeep);
  const std::vector<BlockRange> impossible[] = {
      {{1, 3}},          // behind the model's last block
      {{-1, 1}},         // before its first
      {{0, 2}, {2, 2}},  // an empty range
      {{1, 2}, {0, 1}},  // descending
      {{0, 1}, {0, 1}},  // twice
  };
  for (const std::vector<BlockRange>& blocks : impossible) {
    options.blocks = blocks;
    options.plan = ActivationPlan::Uniform(
        ActivationPolicy::kKeep, std::max<int64_t>(0, CountBlocks(blocks)));
    EXPECT_EQ(CreateCode(options), absl::StatusCode::kInvalidArgument);
  }
  options = AllBlocks(ActivationPolicy::kKeep);
  options.compute = at::kHalf;
  EXPECT_EQ(CreateCode(options), absl::StatusCode::kInvalidArgument);
  options = AllBlocks(ActivationPolicy::kKeep);
  options.lora->targets = {"nothing"};
  EXPECT_EQ(CreateCode(options), absl::StatusCode::kInvalidArgument);
  options = AllBlocks(ActivationPolicy::kKeep);
  options.plan = ActivationPlan::Uniform(ActivationPolicy::kKeep, 3);
  EXPECT_EQ(CreateCode(options), absl::StatusCode::kInvalidArgument);
}

TEST(WanPartTest, AdaptersAreListedInBlockOrder) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kKeep));
  ASSERT_EQ(part->adapters().size(), 20u);
  EXPECT_EQ(part->adapters()[0]->module, "blocks.0.self_attn.q");
  EXPECT_EQ(part->adapters()[9]->module, "blocks.0.ffn.2");
  EXPECT_EQ(part->adapters()[10]->module, "blocks.1.self_attn.q");
  // The first values do not depend on the cut.
  StageModelOptions second = AllBlocks(ActivationPolicy::kKeep);
  second.blocks = {{1, 2}};
  second.plan = ActivationPlan::Uniform(ActivationPolicy::kKeep, 1);
  second.embeddings = second.head = false;
  auto half = MakePart(second);
  ASSERT_EQ(half->adapters().size(), 10u);
  EXPECT_TRUE(
      half->adapters()[0]->a.master.equal(part->adapters()[10]->a.master));
}

// Forward and backward of one micro-batch: every adapter's gradient and copy.
std::vector<at::Tensor> GradientsOf(WanPart& part) {
  const Microbatch m(0);
  auto embedded = part.Embed(m, TinyInputs());
  EXPECT_TRUE(embedded.ok()) << embedded.status();
  auto y = part.ForwardBlocks(m, kBoth, embedded->conditioning, embedded->x);
  EXPECT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(part.HeadForward(m, *y).ok());
  auto d = part.HeadBackward(m, at::ones({1, 4, 2, 4, 6}));
  EXPECT_TRUE(d.ok()) << d.status();
  EXPECT_TRUE(part.BackwardBlocks(m, kBoth, *d).ok());
  std::vector<at::Tensor> tensors;
  for (const LoraAdapter* adapter : part.adapters()) {
    for (const LoraParameter* parameter : {&adapter->a, &adapter->b}) {
      tensors.push_back(parameter->grad.clone());
      tensors.push_back(parameter->master.clone());
      tensors.push_back(parameter->compute.clone());
    }
  }
  return tensors;
}

TEST(WanPartTest, WhatIsAskedForComesBackUnderTheNextForward) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kOffload));
  const auto forward = [&](Microbatch m) {
    auto embedded = part->Embed(m, TinyInputs());
    ASSERT_TRUE(embedded.ok()) << embedded.status();
    ASSERT_TRUE(
        part->ForwardBlocks(m, kBoth, embedded->conditioning, embedded->x)
            .ok());
  };
  forward(Microbatch(0));
  const int64_t both_blocks = part->offloaded_bytes();
  forward(Microbatch(1));
  ASSERT_EQ(part->offloaded_bytes(), 2 * both_blocks);
  part->FetchBehind(Microbatch(0), 1);
  EXPECT_EQ(part->offloaded_bytes(), 2 * both_blocks);
  forward(Microbatch(2));
  const int64_t one_block = 3 * both_blocks - part->offloaded_bytes();
  EXPECT_GT(one_block, 0);
  EXPECT_LT(one_block, both_blocks);
  // Only once, and an entry that is not there changes nothing.
  part->FetchBehind(Microbatch(7), 1);
  forward(Microbatch(3));
  EXPECT_EQ(part->offloaded_bytes(), 4 * both_blocks - one_block);
  EXPECT_TRUE(
      part->BackwardBlocks(Microbatch(0), kBoth, at::ones({1, 12, 12})).ok());
  EXPECT_EQ(part->offloaded_bytes(), 3 * both_blocks);
}

TEST(WanPartTest, ARenewedPartIsANewOneToTheBit) {
  const StageModelOptions before = AllBlocks(ActivationPolicy::kOffload);
  StageModelOptions after = AllBlocks(ActivationPolicy::kRecompute);
  after.lora->alpha = 7.0;
  after.ffn_chunks = 2;
  after.masters_on_host = true;
  after.deterministic = true;
  const UniformSource other = [](absl::string_view, const at::Tensor& out) {
    out.fill_(0.75);
  };
  auto fresh = WanPart::Create(RandomWeights(TinyWan(), 1), after, other);
  ASSERT_TRUE(fresh.ok()) << fresh.status();

  auto part = MakePart(before);
  const std::vector<at::Tensor> first = GradientsOf(*part);
  for (LoraAdapter* adapter : part->adapters()) {
    adapter->a.master.fill_(0.1);
    adapter->b.master.fill_(0.2);
  }
  ASSERT_TRUE(part->RefreshComputeCopies().ok());
  // Ended in the middle of a step.
  ASSERT_TRUE(part->Embed(Microbatch(3), TinyInputs()).ok());
  part->Retire();
  EXPECT_EQ(part->offloaded_bytes(), 0);
  ASSERT_TRUE(part->CanRenew(after));
  ASSERT_TRUE(part->Renew(after, other).ok());
  const std::vector<at::Tensor> expected = GradientsOf(**fresh);
  const std::vector<at::Tensor> renewed = GradientsOf(*part);
  ASSERT_EQ(renewed.size(), expected.size());
  for (size_t i = 0; i < renewed.size(); ++i) {
    EXPECT_TRUE(renewed[i].equal(expected[i])) << i;
  }
  // And back to what it was.
  ASSERT_TRUE(part->Renew(before, TestUniform()).ok());
  const std::vector<at::Tensor> again = GradientsOf(*part);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(again[i].equal(first[i])) << i;
  }
}

TEST(WanPartTest, OtherWeightsOrAdaptersAreNotRenewed) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kKeep));
  std::vector<StageModelOptions> others(7, AllBlocks(ActivationPolicy::kKeep));
  others[0].blocks = {{0, 1}, {1, 2}};
  others[1].lora->rank = 3;
  others[2].lora->targets = {"q"};
  others[3].compute = at::kBFloat16;
  others[4].head = false;
  others[5].weights = WeightForm::kFp8;
  others[6].lora.reset();
  for (const StageModelOptions& options : others) {
    EXPECT_FALSE(part->CanRenew(options));
    EXPECT_TRUE(absl::IsInvalidArgument(part->Renew(options, TestUniform())));
  }
}

TEST(WanPartTest, CallsInTheWrongOrderAreRefused) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kRecompute));
  const Microbatch m(0);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      part->BackwardBlocks(m, kBoth, at::Tensor()).status()));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(part->HeadForward(m, at::Tensor()).status()));
  auto embedded = part->Embed(m, TinyInputs());
  ASSERT_TRUE(embedded.ok()) << embedded.status();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(part->Embed(m, TinyInputs()).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      part->HeadBackward(m, at::zeros({1, 4, 2, 4, 6})).status()));
  part->AbandonMicrobatches();
  EXPECT_TRUE(part->Embed(m, TinyInputs()).ok());

  StageModelOptions blocks_only = AllBlocks(ActivationPolicy::kKeep);
  blocks_only.embeddings = blocks_only.head = false;
  auto inner = MakePart(blocks_only);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(inner->Embed(m, TinyInputs()).status()));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(inner->HeadForward(m, embedded->x).status()));
}

TEST(WanPartTest, AWrongGradientIsAStatusNotAnException) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kKeep));
  const Microbatch m(4);
  auto embedded = part->Embed(m, TinyInputs());
  ASSERT_TRUE(embedded.ok());
  ASSERT_TRUE(
      part->ForwardBlocks(m, kBoth, embedded->conditioning, embedded->x).ok());
  const absl::Status status =
      part->BackwardBlocks(m, kBoth, at::zeros({1, 5, 12})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message().substr(0, 27), "backward of micro-batch 4: ");
}

TEST(WanPartTest, OffloadedStateIsFreedByTheBackward) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kOffload));
  const Microbatch m(0);
  auto embedded = part->Embed(m, TinyInputs());
  ASSERT_TRUE(embedded.ok());
  auto x = part->ForwardBlocks(m, kBoth, embedded->conditioning, embedded->x);
  ASSERT_TRUE(x.ok()) << x.status();
  EXPECT_GT(part->offloaded_bytes(), 0);
  auto dx = part->BackwardBlocks(m, kBoth, at::ones_like(*x));
  ASSERT_TRUE(dx.ok()) << dx.status();
  EXPECT_EQ(part->offloaded_bytes(), 0);
  // Block 0's input needs no gradient, and the part says so.
  EXPECT_FALSE(dx->defined());
}

// Two ranges in one part, with a third one elsewhere in between, as two chunks
// a stage have them: the bits of one range, and nothing is left behind.
TEST(WanPartTest, RangesRunOnTheirOwn) {
  StageModelOptions whole = AllBlocks(ActivationPolicy::kKeep);
  whole.blocks = {{0, 3}};
  whole.plan = ActivationPlan::Uniform(ActivationPolicy::kKeep, 3);
  StageModelOptions outer = AllBlocks(ActivationPolicy::kOffload);
  outer.blocks = {{0, 1}, {2, 3}};
  StageModelOptions inner = AllBlocks(ActivationPolicy::kKeep);
  inner.blocks = {{1, 2}};
  inner.plan = ActivationPlan::Uniform(ActivationPolicy::kKeep, 1);
  auto one = MakePart(whole, /*layers=*/3);
  auto two = MakePart(outer, /*layers=*/3);
  auto between = MakePart(inner, /*layers=*/3);
  EXPECT_EQ(two->adapters()[10]->module, "blocks.2.self_attn.q");
  const Microbatch m(0);
  auto a = one->Embed(m, TinyInputs());
  auto b = two->Embed(m, TinyInputs());
  ASSERT_TRUE(a.ok() && b.ok());
  auto x = one->ForwardBlocks(m, {0, 3}, a->conditioning, a->x);
  auto y = two->ForwardBlocks(m, {0, 1}, b->conditioning, b->x);
  ASSERT_TRUE(x.ok() && y.ok()) << x.status() << y.status();
  y = between->ForwardBlocks(m, {1, 2}, b->conditioning, *y);
  ASSERT_TRUE(y.ok()) << y.status();
  y = two->ForwardBlocks(m, {2, 3}, b->conditioning, *y);
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(x->equal(*y));
  // The order is the schedule's: a range that ran cannot run again, one that
  // did not cannot go backward, and another part's range is refused.
  EXPECT_TRUE(absl::IsFailedPrecondition(
      two->ForwardBlocks(m, {2, 3}, b->conditioning, *y).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      two->ForwardBlocks(m, {1, 2}, b->conditioning, *y).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(two->BackwardBlocks(m, {0, 3}, *y).status()));
  auto dx = one->BackwardBlocks(m, {0, 3}, at::ones_like(*x));
  auto dy = two->BackwardBlocks(m, {2, 3}, at::ones_like(*x));
  ASSERT_TRUE(dx.ok() && dy.ok()) << dx.status() << dy.status();
  dy = between->BackwardBlocks(m, {1, 2}, *dy);
  ASSERT_TRUE(dy.ok()) << dy.status();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(two->BackwardBlocks(m, {2, 3}, *dy).status()));
  dy = two->BackwardBlocks(m, {0, 1}, *dy);
  ASSERT_TRUE(dy.ok()) << dy.status();
  EXPECT_FALSE(dy->defined());
  EXPECT_EQ(two->offloaded_bytes(), 0);
  for (size_t i = 0; i < 10; ++i) {
    for (const auto& [left, right] :
         {std::pair(one->adapters()[i], two->adapters()[i]),
          std::pair(one->adapters()[10 + i], between->adapters()[i]),
          std::pair(one->adapters()[20 + i], two->adapters()[10 + i])}) {
      EXPECT_EQ(left->module, right->module);
      EXPECT_TRUE(left->b.grad.equal(right->b.grad)) << left->module;
    }
  }
}

TEST(WanPartTest, WithoutLoraNothingIsTrained) {
  StageModelOptions options = AllBlocks(ActivationPolicy::kKeep);
  options.lora.reset();
  EXPECT_TRUE(MakePart(options)->adapters().empty());
}

}  // namespace
}  // namespace halfpipe
