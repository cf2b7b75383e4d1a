// What the parity tests do not show: refusals, the life of saved state.
#include "common/wan/wan_part.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "common/wan/pipeline_parts.h"
#include "common/wan/published_sizes.h"

namespace halfpipe {
namespace {

LoraSpec TinyLora() {
  LoraSpec spec;
  spec.rank = 2;
  return spec;
}

std::unique_ptr<WanPart> MakePart(const WanPartOptions& options) {
  auto part =
      WanPart::Create(RandomWeights(TinyWan(), 1), options, TestUniform());
  EXPECT_TRUE(part.ok()) << part.status();
  return *std::move(part);
}

WanPartOptions AllBlocks(ActivationPolicy policy) {
  WanPartOptions options;
  options.blocks = {0, 2};
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

absl::StatusCode CreateCode(const WanPartOptions& options) {
  return WanPart::Create(RandomWeights(TinyWan(), 1), options, TestUniform())
      .status()
      .code();
}

TEST(WanPartTest, RefusesOptionsThatCannotBe) {
  WanPartOptions options = AllBlocks(ActivationPolicy::kKeep);
  options.blocks = {1, 3};
  EXPECT_EQ(CreateCode(options), absl::StatusCode::kInvalidArgument);
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
  WanPartOptions second = AllBlocks(ActivationPolicy::kKeep);
  second.blocks = {1, 2};
  second.plan = ActivationPlan::Uniform(ActivationPolicy::kKeep, 1);
  second.embeddings = second.head = false;
  auto half = MakePart(second);
  ASSERT_EQ(half->adapters().size(), 10u);
  EXPECT_TRUE(
      half->adapters()[0]->a.master.equal(part->adapters()[10]->a.master));
}

TEST(WanPartTest, CallsInTheWrongOrderAreRefused) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kRecompute));
  const Microbatch m(0);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      part->BackwardBlocks(m, at::Tensor()).status()));
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

  WanPartOptions blocks_only = AllBlocks(ActivationPolicy::kKeep);
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
  ASSERT_TRUE(part->ForwardBlocks(m, embedded->conditioning, embedded->x).ok());
  const absl::Status status =
      part->BackwardBlocks(m, at::zeros({1, 5, 12})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message().substr(0, 27), "backward of micro-batch 4: ");
}

TEST(WanPartTest, OffloadedStateIsFreedByTheBackward) {
  auto part = MakePart(AllBlocks(ActivationPolicy::kOffload));
  const Microbatch m(0);
  auto embedded = part->Embed(m, TinyInputs());
  ASSERT_TRUE(embedded.ok());
  auto x = part->ForwardBlocks(m, embedded->conditioning, embedded->x);
  ASSERT_TRUE(x.ok()) << x.status();
  EXPECT_GT(part->offloaded_bytes(), 0);
  auto dx = part->BackwardBlocks(m, at::ones_like(*x));
  ASSERT_TRUE(dx.ok()) << dx.status();
  EXPECT_EQ(part->offloaded_bytes(), 0);
  // Block 0's input needs no gradient, and the part says so.
  EXPECT_FALSE(dx->defined());
}

TEST(WanPartTest, WithoutLoraNothingIsTrained) {
  WanPartOptions options = AllBlocks(ActivationPolicy::kKeep);
  options.lora.reset();
  EXPECT_TRUE(MakePart(options)->adapters().empty());
}

}  // namespace
}  // namespace halfpipe
