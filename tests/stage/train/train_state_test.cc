#include "stage/train/train_state.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/store/scratch_folder.h"
#include "stage/train/philox.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

UniformSource Uniforms(uint64_t seed) {
  return [seed](absl::string_view name, at::Tensor out) {
    RandomStream::ForName(seed, name, RandomPurpose::kLoraInit)
        .FillUniform(out.mutable_data_ptr<float>(),
                     static_cast<size_t>(out.numel()), 0.0F, 1.0F);
  };
}

// Adapters with an optimizer behind them, as a stage has.
class State {
 public:
  State(const std::vector<std::string>& modules, uint64_t seed,
        at::ScalarType compute = at::kFloat) {
    for (const std::string& module : modules) {
      owned_.push_back(std::make_unique<LoraAdapter>(
          MakeLoraAdapter(module, /*in=*/4, /*out=*/3, /*rank=*/2,
                          /*scale=*/1.0, at::kCPU, Uniforms(seed))));
      LoraAdapter& adapter = *owned_.back();
      adapter.a.compute = adapter.a.master.to(compute, false, /*copy=*/true);
      adapter.b.compute = adapter.b.master.to(compute, false, /*copy=*/true);
      adapters_.push_back(owned_.back().get());
    }
    optimizer_ =
        std::make_unique<AdamW>(LoraMasters(adapters_), AdamWOptions());
  }

  void Step(double gradient) {
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& master : LoraMasters(adapters_)) {
      gradients.push_back(at::full_like(master, gradient));
    }
    optimizer_->Step(gradients, 1e-2);
  }

  const std::vector<LoraAdapter*>& adapters() const { return adapters_; }

  AdamW& optimizer() { return *optimizer_; }

 private:
  std::vector<std::unique_ptr<LoraAdapter>> owned_;
  std::vector<LoraAdapter*> adapters_;
  std::unique_ptr<AdamW> optimizer_;
};

const std::vector<std::string> kFirst = {"blocks.0.self_attn.q",
                                         "blocks.2.ffn.0"};
const std::vector<std::string> kSecond = {"blocks.10.self_attn.q"};

std::string Shard(const ScratchFolder& folder, int rank) {
  return folder / ShardName(Rank(rank));
}

bool SameMasters(const State& a, const State& b) {
  const auto left = LoraMasters(a.adapters());
  const auto right = LoraMasters(b.adapters());
  for (size_t i = 0; i < left.size(); ++i) {
    if (!left[i].equal(right[i])) return false;
  }
  return left.size() == right.size();
}

TEST(TrainStateTest, MastersAndGradientsAreListedAThenB) {
  State state(kFirst, 1);
  const auto masters = LoraMasters(state.adapters());
  const auto gradients = LoraGradients(state.adapters());
  ASSERT_EQ(masters.size(), 4u);
  EXPECT_TRUE(masters[0].is_same(state.adapters()[0]->a.master));
  EXPECT_TRUE(masters[3].is_same(state.adapters()[1]->b.master));
  EXPECT_TRUE(gradients[1].is_same(state.adapters()[0]->b.grad));
}

TEST(TrainStateTest, ARestoredRunContinuesBitForBit) {
  ScratchFolder folder;
  State straight(kFirst, 1);
  straight.Step(0.3);
  straight.Step(-0.1);
  ASSERT_TRUE(
      SaveShard(Shard(folder, 0), straight.adapters(), straight.optimizer())
          .ok());
  State resumed(kFirst, 2);
  EXPECT_FALSE(SameMasters(straight, resumed));
  const absl::Status restored =
      RestoreShards(folder.path(), resumed.adapters(), &resumed.optimizer());
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(resumed.optimizer().steps(), 2);
  EXPECT_TRUE(SameMasters(straight, resumed));
  straight.Step(0.7);
  resumed.Step(0.7);
  EXPECT_TRUE(SameMasters(straight, resumed));
}

TEST(TrainStateTest, AnotherSplitFindsItsTensorsInAnyShard) {
  ScratchFolder folder;
  State first(kFirst, 1);
  State second(kSecond, 1);
  first.Step(0.3);
  second.Step(0.3);
  ASSERT_TRUE(
      SaveShard(Shard(folder, 0), first.adapters(), first.optimizer()).ok());
  ASSERT_TRUE(
      SaveShard(Shard(folder, 1), second.adapters(), second.optimizer()).ok());
  // blocks.2 has moved to the other stage.
  State moved({kFirst[1], kSecond[0]}, 9, at::kBFloat16);
  ASSERT_TRUE(
      RestoreShards(folder.path(), moved.adapters(), &moved.optimizer()).ok());
  EXPECT_TRUE(
      moved.adapters()[0]->a.master.equal(first.adapters()[1]->a.master));
  EXPECT_TRUE(
      moved.adapters()[1]->b.master.equal(second.adapters()[0]->b.master));
  // The copies that the products read follow.
  EXPECT_TRUE(moved.adapters()[0]->a.compute.equal(
      first.adapters()[1]->a.master.to(at::kBFloat16)));
}

TEST(TrainStateTest, AThirdShardIsReadToo) {
  ScratchFolder folder;
  State last(kSecond, 1);
  last.Step(0.3);
  for (int rank : {0, 1}) {
    State other({kFirst[static_cast<size_t>(rank)]}, 1);
    ASSERT_TRUE(
        SaveShard(Shard(folder, rank), other.adapters(), other.optimizer())
            .ok());
  }
  ASSERT_TRUE(
      SaveShard(Shard(folder, 2), last.adapters(), last.optimizer()).ok());
  State restored(kSecond, 2);
  ASSERT_TRUE(
      RestoreShards(folder.path(), restored.adapters(), &restored.optimizer())
          .ok());
  EXPECT_TRUE(SameMasters(restored, last));
}

TEST(TrainStateTest, AFailedRestoreChangesNothing) {
  ScratchFolder folder;
  State saved({kFirst[0]}, 1);
  saved.Step(0.3);
  ASSERT_TRUE(
      SaveShard(Shard(folder, 0), saved.adapters(), saved.optimizer()).ok());
  State state(kFirst, 2);
  const State untouched(kFirst, 2);
  const absl::Status status =
      RestoreShards(folder.path(), state.adapters(), &state.optimizer());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("blocks.2.ffn.0"));
  EXPECT_TRUE(SameMasters(state, untouched));
  EXPECT_EQ(state.optimizer().steps(), 0);
  EXPECT_TRUE(absl::IsNotFound(
      RestoreShards(folder / "none", state.adapters(), &state.optimizer())));
}

TEST(TrainStateTest, AShapeOfAnotherRankIsRefusedByName) {
  ScratchFolder folder;
  State saved({kFirst[0]}, 1);
  ASSERT_TRUE(
      SaveShard(Shard(folder, 0), saved.adapters(), saved.optimizer()).ok());
  LoraAdapter wide =
      MakeLoraAdapter(kFirst[0], 4, 3, /*rank=*/5, 1.0, at::kCPU, Uniforms(1));
  AdamW optimizer(LoraMasters({&wide}), AdamWOptions());
  const absl::Status status = RestoreShards(folder.path(), {&wide}, &optimizer);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(MessageOf(status), HasSubstr(kFirst[0]));
}

TEST(TrainStateTest, ExportsReadTheWholeModelInBlockOrder) {
  ScratchFolder folder;
  State first(kFirst, 1);
  State second(kSecond, 1);
  ASSERT_TRUE(
      SaveShard(Shard(folder, 0), first.adapters(), first.optimizer()).ok());
  ASSERT_TRUE(
      SaveShard(Shard(folder, 1), second.adapters(), second.optimizer()).ok());
  std::vector<at::Tensor> storage;
  std::vector<LoraMatrices> adapters;
  ASSERT_TRUE(ReadShardAdapters(folder.path(), &storage, &adapters).ok());
  ASSERT_EQ(adapters.size(), 3u);
  EXPECT_EQ(adapters[0].module, "blocks.0.self_attn.q");
  EXPECT_EQ(adapters[1].module, "blocks.2.ffn.0");
  EXPECT_EQ(adapters[2].module, "blocks.10.self_attn.q");
  EXPECT_EQ(adapters[1].rank, 2);
  EXPECT_EQ(adapters[1].in, 4);
  EXPECT_EQ(adapters[1].out, 3);
  EXPECT_EQ(adapters[1].a[7],
            first.adapters()[1]->a.master.flatten()[7].item<float>());
}

}  // namespace
}  // namespace halfpipe
