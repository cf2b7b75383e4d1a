#include "stage/wan/weight_source.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "common/model/fake_archive.h"
#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

TEST(RandomWeightsTest, AreAFunctionOfSeedAndName) {
  const RandomWeights weights(TinyWan(), 7);
  const std::string name = "blocks.1.ffn.0.weight";
  auto first = weights.Load(name, at::kFloat, at::kCPU);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->sizes(), (std::vector<int64_t>{20, 12}));
  ASSERT_TRUE(weights.Load("blocks.0.ffn.0.weight", at::kFloat, at::kCPU).ok());
  EXPECT_TRUE(first->equal(*weights.Load(name, at::kFloat, at::kCPU)));
  EXPECT_FALSE(first->equal(
      *weights.Load("blocks.0.ffn.0.weight", at::kFloat, at::kCPU)));
  EXPECT_FALSE(first->equal(
      *RandomWeights(TinyWan(), 8).Load(name, at::kFloat, at::kCPU)));
  EXPECT_TRUE(absl::IsNotFound(
      weights.Load("blocks.2.ffn.0.weight", at::kFloat, at::kCPU).status()));
}

TEST(RandomWeightsTest, SpreadKeepsActivationsNearOne) {
  ModelSpec wan = TinyWan();
  wan.dim = 256;
  wan.heads = 2;
  const RandomWeights weights(wan, 1);
  auto weight =
      weights.Load("blocks.0.self_attn.q.weight", at::kFloat, at::kCPU);
  EXPECT_NEAR(weight->std().item<double>(), 1.0 / 16.0, 2e-3);
  auto norm = weights.Load("blocks.0.norm3.weight", at::kFloat, at::kCPU);
  EXPECT_NEAR(norm->mean().item<double>(), 1.0, 1e-2);
}

// The tiny model with one fp8 weight: row r holds r + 1 everywhere.
WanCheckpoint Fp8Checkpoint(const Shape& scale_shape,
                            const std::vector<float>& scales) {
  auto archive = std::make_unique<FakeArchive>();
  for (const auto& [name, shape] : WanTensors(TinyWan())) {
    archive->Add(name, DType::kF32, shape);
  }
  const at::Tensor rows =
      at::arange(1, 13, at::kFloat).view({12, 1}).expand({12, 20});
  const at::Tensor fp8 = rows.contiguous().to(at::kFloat8_e4m3fn);
  archive->Add("blocks.0.ffn.2.weight", DType::kF8E4M3, {12, 20},
               fp8.data_ptr());
  archive->Add("blocks.0.ffn.2.scale_weight", DType::kF32, scale_shape,
               scales.data());
  WanCheckpoint checkpoint;
  auto variant = DetectWanVariant("fake", archive->tensors(), HeadSizes{1, 12});
  EXPECT_TRUE(variant.ok()) << variant.status();
  checkpoint.variant = *std::move(variant);
  checkpoint.archive = std::move(archive);
  return checkpoint;
}

TEST(CheckpointWeightsTest, MultipliesFp8ByItsScale) {
  const WanCheckpoint one = Fp8Checkpoint({}, {0.5f});
  auto weight = CheckpointWeights(&one).Load("blocks.0.ffn.2.weight",
                                             at::kFloat, at::kCPU);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_EQ((*weight)[2][7].item<float>(), 1.5f);

  std::vector<float> scales(12, 1.0f);
  scales[2] = 3.0f;
  const WanCheckpoint rows = Fp8Checkpoint({12, 1}, scales);
  weight = CheckpointWeights(&rows).Load("blocks.0.ffn.2.weight", at::kBFloat16,
                                         at::kCPU);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_EQ(weight->scalar_type(), at::kBFloat16);
  EXPECT_EQ((*weight)[2][0].item<float>(), 9.0f);
  EXPECT_EQ((*weight)[3][0].item<float>(), 4.0f);
}

TEST(CheckpointWeightsTest, ScalesWeightsOfAnyShape) {
  const std::string name = "patch_embedding.weight";
  const Shape shape = WanTensors(TinyWan()).at(name);
  ASSERT_EQ(shape.size(), 5u);
  auto archive = std::make_unique<FakeArchive>();
  for (const auto& [other, sizes] : WanTensors(TinyWan())) {
    archive->Add(other, DType::kF32, sizes);
  }
  const at::Tensor twos = at::full(shape, 2.0).to(at::kFloat8_e4m3fn);
  archive->Add(name, DType::kF8E4M3, shape, twos.data_ptr());
  const float scale = 1.5f;
  archive->Add("patch_embedding.scale_weight", DType::kF32, {}, &scale);
  WanCheckpoint checkpoint;
  auto variant = DetectWanVariant("fake", archive->tensors(), HeadSizes{1, 12});
  ASSERT_TRUE(variant.ok()) << variant.status();
  checkpoint.variant = *std::move(variant);
  checkpoint.archive = std::move(archive);
  auto weight = CheckpointWeights(&checkpoint).Load(name, at::kFloat, at::kCPU);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_EQ(weight->sizes(), at::IntArrayRef(shape));
  EXPECT_TRUE(weight->eq(3.0).all().item<bool>());
}

TEST(CheckpointWeightsTest, KeepsStoredFp8AsItIs) {
  std::vector<float> scales(12, 1.0f);
  scales[2] = 3.0f;
  const WanCheckpoint rows = Fp8Checkpoint({12, 1}, scales);
  auto weight =
      CheckpointWeights(&rows).LoadQuantised("blocks.0.ffn.2.weight", at::kCPU);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_EQ(weight->values[4][1].to(at::kFloat).item<float>(), 5.0f);
  EXPECT_TRUE(weight->scales.equal(at::tensor(scales)));
  // One scale for all rows is one for each.
  const WanCheckpoint one = Fp8Checkpoint({}, {0.5f});
  weight =
      CheckpointWeights(&one).LoadQuantised("blocks.0.ffn.2.weight", at::kCPU);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_TRUE(weight->scales.equal(at::full({12}, 0.5f)));
}

// The tiny model with one weight of `values` and, if `scale` is defined, its
// scale.
WanCheckpoint StoredAs(const at::Tensor& values, DType dtype,
                       const at::Tensor& scale) {
  auto archive = std::make_unique<FakeArchive>();
  for (const auto& [name, shape] : WanTensors(TinyWan())) {
    archive->Add(name, DType::kF32, shape);
  }
  archive->Add("blocks.0.ffn.2.weight", dtype, {12, 20}, values.data_ptr());
  if (scale.defined()) {
    archive->Add("blocks.0.ffn.2.scale_weight", DType::kF32,
                 Shape(scale.sizes().begin(), scale.sizes().end()),
                 scale.data_ptr());
  }
  auto variant = DetectWanVariant("fake", archive->tensors(), HeadSizes{1, 12});
  EXPECT_TRUE(variant.ok()) << variant.status();
  WanCheckpoint checkpoint;
  checkpoint.variant = *std::move(variant);
  checkpoint.archive = std::move(archive);
  return checkpoint;
}

// Every form against torch's own conversion and product.
TEST(CheckpointWeightsTest, ReadsEveryFormOfFp8Exactly) {
  const at::Tensor numbers =
      at::arange(240, at::kFloat).view({12, 20}).sub(117).mul(0.37);
  const at::Tensor blocks = at::arange(1, 61, at::kFloat).view({12, 5, 1}) / 7;
  const at::Tensor one = at::full({1}, 0.0123, at::kFloat);
  for (const auto& [dtype, type] :
       {std::pair(DType::kF8E4M3, at::kFloat8_e4m3fn),
        std::pair(DType::kF8E5M2, at::kFloat8_e5m2)}) {
    const at::Tensor values = numbers.to(type);
    const at::Tensor plain = values.to(at::kFloat);
    for (const auto& [scale, meant] :
         {std::pair(at::Tensor(), plain), std::pair(one, plain * one),
          std::pair(blocks,
                    (plain.view({12, 5, 4}) * blocks).view({12, 20}))}) {
      const WanCheckpoint checkpoint = StoredAs(values, dtype, scale);
      for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
        const auto weight =
            CheckpointWeights(&checkpoint)
                .Load("blocks.0.ffn.2.weight", compute, at::kCPU);
        ASSERT_TRUE(weight.ok()) << weight.status();
        EXPECT_TRUE(weight->equal(meant.to(compute)));
      }
      // In 8 bits: as it is stored where it can be, else by row of that.
      const auto quantised =
          CheckpointWeights(&checkpoint)
              .LoadQuantised("blocks.0.ffn.2.weight", at::kCPU);
      ASSERT_TRUE(quantised.ok()) << quantised.status();
      const bool kept = dtype == DType::kF8E4M3 && !scale.is_same(blocks);
      const at::Tensor back = at::empty({12, 20}, at::kFloat);
      Dequantise(*quantised, back);
      if (kept) {
        EXPECT_TRUE(back.equal(meant));
      } else {
        EXPECT_TRUE(at::allclose(back, meant, 0.07, 1e-3));
      }
    }
  }
}

TEST(RandomWeightsTest, QuantisesByRow) {
  const RandomWeights weights(TinyWan(), 1);
  const std::string name = "blocks.0.ffn.0.weight";
  auto quantised = weights.LoadQuantised(name, at::kCPU);
  auto plain = weights.Load(name, at::kBFloat16, at::kCPU);
  ASSERT_TRUE(quantised.ok() && plain.ok());
  at::Tensor back = at::empty(plain->sizes(), at::kFloat);
  Dequantise(*quantised, back);
  const at::Tensor wide = plain->to(at::kFloat);
  EXPECT_LT(((back - wide).norm() / wide.norm()).item<double>(), 4e-2);
  EXPECT_TRUE(absl::IsNotFound(
      weights.LoadQuantised("blocks.9.modulation", at::kCPU).status()));
}

TEST(CheckpointWeightsTest, UnknownNamesAreNotFound) {
  const WanCheckpoint checkpoint = Fp8Checkpoint({}, {1.0f});
  EXPECT_TRUE(
      absl::IsNotFound(CheckpointWeights(&checkpoint)
                           .Load("blocks.9.modulation", at::kFloat, at::kCPU)
                           .status()));
}

}  // namespace
}  // namespace halfpipe
