#include "stage/encoders/weight_loader.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "stage/encoders/golden_file.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(WeightLoaderTest, ConvertsToTheAskedDtype) {
  FakeTensorArchive archive;
  archive.Add("file.name", DType::kF32, {3});
  const std::vector<float> values = {1.0F, -2.5F, 1.00390625F};
  archive.Fill("file.name", values.data());
  const WeightLoader weights(archive, {{"native", "file.name"}}, at::kCPU,
                             at::kBFloat16);
  const auto loaded = weights.Load("native", {kAnySize});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->scalar_type(), at::kBFloat16);
  EXPECT_EQ((*loaded)[1].item<float>(), -2.5F);
  EXPECT_EQ((*loaded)[2].item<float>(), 1.0F);  // a tie goes to even
}

// Larger than one staging buffer, so that it arrives in pieces.
TEST(WeightLoaderTest, JoinsThePiecesOfALargeTensor) {
  constexpr int64_t kCount = (int64_t{64} << 20) / 4 + 3;
  FakeTensorArchive archive;
  archive.Add("big", DType::kF32, {kCount});
  std::vector<float> values(kCount, 2.0F);
  values.front() = 1.0F;
  values.back() = 3.0F;
  archive.Fill("big", values.data());
  const WeightLoader weights(archive, {{"big", "big"}}, at::kCPU,
                             at::kBFloat16);
  const auto loaded = weights.Load("big", {kCount});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)[0].item<float>(), 1.0F);
  EXPECT_EQ((*loaded)[kCount - 1].item<float>(), 3.0F);
  EXPECT_EQ(loaded->narrow(0, 1, kCount - 2).min().item<float>(), 2.0F);
  EXPECT_EQ(loaded->narrow(0, 1, kCount - 2).max().item<float>(), 2.0F);
}

TEST(WeightLoaderTest, NamesFileTensorAndShapes) {
  FakeTensorArchive archive;
  archive.Add("theirs", DType::kF32, {2, 3});
  const WeightLoader weights(archive, {{"ours", "theirs"}}, at::kCPU,
                             at::kFloat);
  const absl::Status status = weights.Load("ours", {2, 4}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fake.safetensors: tensor 'theirs' has shape [2, 3], "
                        "expected [2, 4]"));
  EXPECT_EQ(weights.Load("other", {}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(weights.Size("ours", 2).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// Every value of both fp8 types, against torch's own conversion.
TEST(WeightLoaderTest, MultipliesFp8ByItsScaleExactly) {
  const at::Tensor codes = at::arange(256, at::kInt).to(at::kByte);
  const float scale = 0.0123F;
  for (const auto& [dtype, type] :
       {std::pair(DType::kF8E4M3, at::kFloat8_e4m3fn),
        std::pair(DType::kF8E5M2, at::kFloat8_e5m2)}) {
    FakeTensorArchive archive;
    archive.Add("w.weight", dtype, {16, 16});
    archive.Fill("w.weight", codes.data_ptr());
    const at::Tensor plain = codes.view(type).to(at::kFloat).view({16, 16});
    for (const bool scaled : {false, true}) {
      Quantisation quantised;
      if (scaled) {
        archive.Add("w.scale_weight", DType::kF32, {1});
        archive.Fill("w.scale_weight", &scale);
        quantised.scales["w.weight"] = "w.scale_weight";
      }
      const at::Tensor expected = scaled ? plain * scale : plain;
      for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
        const WeightLoader weights(archive, {{"w", "w.weight"}}, at::kCPU,
                                   compute, quantised);
        const auto loaded = weights.Load("w", {16, 16});
        ASSERT_TRUE(loaded.ok()) << loaded.status();
        EXPECT_TRUE(at::allclose(*loaded, expected.to(compute), 0, 0,
                                 /*equal_nan=*/true));
      }
    }
  }
}

// More rows than one staging buffer holds: each keeps its own scale.
TEST(WeightLoaderTest, KeepsTheScalesOfRowsOverPieces) {
  constexpr int64_t kRows = 5;
  constexpr int64_t kColumns = int64_t{3} << 20;
  FakeTensorArchive archive;
  archive.Add("w.weight", DType::kF8E4M3, {kRows, kColumns});
  const at::Tensor twos =
      at::full({kRows, kColumns}, 2.0).to(at::kFloat8_e4m3fn);
  archive.Fill("w.weight", twos.data_ptr());
  archive.Add("w.weight_scale", DType::kF32, {kRows, 1});
  const std::vector<float> scales = {1, 2, 3, 4, 5};
  archive.Fill("w.weight_scale", scales.data());
  Quantisation quantised;
  quantised.scales["w.weight"] = "w.weight_scale";
  const WeightLoader weights(archive, {{"w", "w.weight"}}, at::kCPU,
                             at::kBFloat16, quantised);
  const auto loaded = weights.Load("w", {kRows, kColumns});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  for (int64_t row = 0; row < kRows; ++row) {
    const double expected = 2.0 * scales[static_cast<size_t>(row)];
    EXPECT_TRUE((*loaded)[row].eq(expected).all().item<bool>()) << row;
  }
}

TEST(WeightLoaderTest, Fp8IsOnlyReadWhereItWasJudged) {
  FakeTensorArchive archive;
  archive.Add("w.weight", DType::kF8E4M3, {2, 2});
  const WeightLoader weights(archive, {{"w", "w.weight"}}, at::kCPU,
                             at::kFloat);
  EXPECT_THAT(std::string(weights.Load("w", {2, 2}).status().message()),
              HasSubstr("F8_E4M3, expected BF16"));
}

}  // namespace
}  // namespace halfpipe
