#include "common/encoders/weight_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/encoders/golden_file.h"

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

}  // namespace
}  // namespace halfpipe
