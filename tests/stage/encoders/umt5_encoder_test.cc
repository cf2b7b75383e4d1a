#include "stage/encoders/umt5_encoder.h"

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "stage/encoders/golden_file.h"
#include "stage/encoders/umt5_layer.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr double kTolerance = 1e-5;  // the contract allows 1e-4

TokenizedPrompt PromptOf(const at::Tensor& ids) {
  TokenizedPrompt prompt;
  prompt.ids.assign(ids.data_ptr<int32_t>(),
                    ids.data_ptr<int32_t>() + ids.numel());
  prompt.length = ids.numel();
  prompt.ids.resize(kPromptTokens, 0);
  return prompt;
}

TokenizedPrompt AnyPrompt() {
  TokenizedPrompt prompt{.ids = std::vector<int32_t>(kPromptTokens, 0),
                         .length = 3};
  prompt.ids[0] = 7;
  prompt.ids[1] = 9;
  prompt.ids[2] = 1;
  return prompt;
}

class Umt5FileTest : public ::testing::TestWithParam<const char*> {};

TEST_P(Umt5FileTest, EqualsTransformers) {
  const auto archive = OpenGolden(GetParam());
  const auto encoder = Umt5Encoder::Load(*archive, at::kCPU, at::kFloat);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  const auto expected = OpenGolden("umt5_expected.safetensors");
  for (const char* length : {"1", "14", "200"}) {
    SCOPED_TRACE(length);
    const std::string prefix = std::string(length) + ".";
    const at::Tensor ids = GoldenTensor(*expected, prefix + "ids");
    const auto context = encoder->Encode(PromptOf(ids));
    ASSERT_TRUE(context.ok()) << context.status();
    ASSERT_EQ(context->sizes(), at::IntArrayRef({1, kPromptTokens, 32}));
    const at::Tensor rows = (*context)[0];
    EXPECT_LT(RelativeError(rows.narrow(0, 0, ids.numel()),
                            GoldenTensor(*expected, prefix + "context")),
              kTolerance);
    const at::Tensor behind =
        rows.narrow(0, ids.numel(), kPromptTokens - ids.numel());
    EXPECT_EQ(behind.count_nonzero().item<int64_t>(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(BothLayouts, Umt5FileTest,
                         ::testing::Values("umt5.pth",
                                           "umt5_transformers.safetensors"));

// Files in 8 bits, plain, e5m2, with one scale, one a row and one a block.
class Umt5Fp8Test : public ::testing::TestWithParam<const char*> {};

TEST_P(Umt5Fp8Test, EqualsTransformersWithTheWeightsThatTorchMakesOfThem) {
  const std::string form = GetParam();
  const auto archive = OpenGolden("umt5_fp8_" + form + ".safetensors");
  EXPECT_TRUE(Umt5Encoder::Load(*archive, at::kMeta, at::kFloat).ok());
  const auto encoder = Umt5Encoder::Load(*archive, at::kCPU, at::kFloat);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  const at::Tensor ids =
      GoldenTensor(*OpenGolden("umt5_expected.safetensors"), "14.ids");
  const auto context = encoder->Encode(PromptOf(ids));
  ASSERT_TRUE(context.ok()) << context.status();
  const auto expected = OpenGolden("umt5_fp8_expected.safetensors");
  EXPECT_LT(RelativeError((*context)[0].narrow(0, 0, ids.numel()),
                          GoldenTensor(*expected, form)),
            kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Forms, Umt5Fp8Test,
                         ::testing::Values("plain", "e5m2", "one", "row",
                                           "block"));

TEST(Umt5EncoderTest, RefusesWhatWouldBeReadWrongly) {
  const auto scaled = OpenGolden("umt5_fp8_one.safetensors");
  const std::string query = "encoder.block.0.layer.0.SelfAttention.q.";

  struct Case {
    std::string remove;
    std::string add;
    DType dtype;
    Shape shape;
    std::string said;
  };

  const Case cases[] = {
      {query + "scale_weight", "", DType::kF32, {}, "without a scale"},
      {"", query + "weight_scale", DType::kF32, {1}, "has two scales"},
      {"", query + "weight_scale_2", DType::kF32, {1}, "nvfp4"},
      {"", query + "weight_scale_inv", DType::kF32, {1}, "square blocks"},
      {"", query + "scale_weight_tensor", DType::kF32, {}, "two levels"},
      {"", query + "bias", DType::kF32, {32}, "no UMT5 encoder"},
      {"", query + "weight.absmax", DType::kF32, {2}, "bitsandbytes"},
      {"", query + "weight", DType::kBF16, {32, 32}, "BF16 with a scale"},
      {"", query + "weight", DType::kI8, {32, 32}, "I8 with a scale"},
      {query + "weight", "", DType::kF32, {}, "not whole"},
      {"", query + "scale_weight", DType::kF32, {4, 2}, "one for each row"},
  };
  for (const Case& wrong : cases) {
    SCOPED_TRACE(wrong.said);
    FakeTensorArchive archive;
    archive.Copy(*scaled);
    if (!wrong.remove.empty()) archive.Remove(wrong.remove);
    if (!wrong.add.empty()) archive.Add(wrong.add, wrong.dtype, wrong.shape);
    const absl::Status refused =
        Umt5Encoder::Load(archive, at::kMeta, at::kFloat).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(refused.message()),
                ::testing::AllOf(HasSubstr("fake.safetensors"),
                                 HasSubstr("SelfAttention.q"),
                                 HasSubstr("download"), HasSubstr(wrong.said)));
    EXPECT_EQ(Umt5Encoder::Load(archive, at::kCPU, at::kFloat).status(),
              refused);
  }
}

TEST(Umt5EncoderTest, ComputesInBf16) {
  const auto archive = OpenGolden("umt5.pth");
  const auto encoder = Umt5Encoder::Load(*archive, at::kCPU, at::kBFloat16);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  const auto expected = OpenGolden("umt5_expected.safetensors");
  const at::Tensor ids = GoldenTensor(*expected, "14.ids");
  const auto context = encoder->Encode(PromptOf(ids));
  ASSERT_TRUE(context.ok()) << context.status();
  EXPECT_EQ(context->scalar_type(), at::kBFloat16);
  const double error = RelativeError((*context)[0].narrow(0, 0, 14),
                                     GoldenTensor(*expected, "14.context"));
  EXPECT_LT(error, 5e-2);
  EXPECT_GT(error, 1e-5);  // or it did not compute in bf16
}

TEST(Umt5EncoderTest, IgnoresIdsBehindTheText) {
  const auto archive = OpenGolden("umt5.pth");
  const auto encoder = Umt5Encoder::Load(*archive, at::kCPU, at::kFloat);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  TokenizedPrompt prompt = AnyPrompt();
  const auto clean = encoder->Encode(prompt);
  prompt.ids[3] = 33;
  const auto dirty = encoder->Encode(prompt);
  ASSERT_TRUE(clean.ok() && dirty.ok());
  EXPECT_TRUE(at::equal(*clean, *dirty));
}

TEST(Umt5EncoderTest, RefusesMalformedPrompts) {
  const auto archive = OpenGolden("umt5.pth");
  const auto encoder = Umt5Encoder::Load(*archive, at::kCPU, at::kFloat);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  TokenizedPrompt prompt = AnyPrompt();
  prompt.ids[1] = 64;
  const absl::Status outside = encoder->Encode(prompt).status();
  EXPECT_EQ(outside.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outside.message()), HasSubstr("64"));
  prompt = AnyPrompt();
  prompt.length = 0;
  EXPECT_EQ(encoder->Encode(prompt).status().code(),
            absl::StatusCode::kInvalidArgument);
  prompt = AnyPrompt();
  prompt.ids.pop_back();
  EXPECT_EQ(encoder->Encode(prompt).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Umt5EncoderTest, NamesWhatIsWrongInACheckpoint) {
  FakeTensorArchive archive;
  archive.Copy(*OpenGolden("umt5.pth"));
  archive.Remove("blocks.1.attn.k.weight");
  const absl::Status missing =
      Umt5Encoder::Load(archive, at::kCPU, at::kFloat).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("'blocks.1.attn.k.weight'"));

  archive.Add("blocks.1.attn.k.weight", DType::kF32, {32, 31});
  const absl::Status shape =
      Umt5Encoder::Load(archive, at::kCPU, at::kFloat).status();
  EXPECT_EQ(shape.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(shape.message()),
              HasSubstr("has shape [32, 31], expected [32, 32]"));
}

TEST(Umt5EncoderTest, RefusesADtypeItDoesNotComputeIn) {
  EXPECT_EQ(Umt5Encoder::Load(*OpenGolden("umt5.pth"), at::kCPU, at::kHalf)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

// Pairs of distance and bucket of the T5 family's published code.
TEST(RelativeBucketsTest, MatchesTheReference) {
  constexpr std::array<std::pair<int64_t, int64_t>, 19> kPairs = {{
      {-200, 15}, {-128, 15}, {-127, 15}, {-64, 14}, {-20, 10},
      {-9, 8},    {-8, 8},    {-7, 7},    {-1, 1},   {0, 0},
      {1, 17},    {7, 23},    {8, 24},    {9, 24},   {16, 26},
      {20, 26},   {64, 30},   {127, 31},  {128, 31},
  }};
  const at::Tensor buckets = RelativeBuckets(401, 32);
  for (const auto& [relative, bucket] : kPairs) {
    EXPECT_EQ(buckets[200][200 + relative].item<int64_t>(), bucket) << relative;
  }
}

}  // namespace
}  // namespace halfpipe
