// Against the golden files: two independent implementations made them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "common/wan/golden_case.h"
#include "common/wan/pipeline_parts.h"

namespace halfpipe {
namespace {

constexpr double kFloatTolerance = 1e-4;

class ParityTest : public testing::TestWithParam<std::string> {};

void ExpectWithin(const Results& results, const GoldenCase& golden,
                  double tolerance) {
  double worst = 0.0;
  size_t compared = 0;
  for (const auto& [key, expected] : golden.tensors) {
    if (!absl::StartsWith(key, "out.") && !absl::StartsWith(key, "grad.")) {
      continue;
    }
    ASSERT_EQ(results.count(key), 1u) << key;
    ASSERT_EQ(results.at(key).sizes(), expected.sizes()) << key;
    const double error = RelativeError(results.at(key), expected);
    EXPECT_LE(error, tolerance) << key;
    worst = std::max(worst, error);
    ++compared;
  }
  EXPECT_EQ(compared, results.size());
  testing::Test::RecordProperty("worst", std::to_string(worst));
}

void ExpectSameBits(const Results& a, const Results& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [key, tensor] : a) {
    EXPECT_TRUE(tensor.equal(b.at(key))) << key;
  }
}

TEST_P(ParityTest, EveryPolicyAndSplitMatchesToTheBit) {
  const GoldenCase golden = LoadGolden(GetParam());
  const Results reference = RunGolden(golden, RunOptions());
  ExpectWithin(reference, golden, kFloatTolerance);
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kRecompute,
        ActivationPolicy::kOffload}) {
    for (std::optional<int64_t> split :
         {std::optional<int64_t>(), std::optional<int64_t>(1),
          std::optional<int64_t>(2)}) {
      SCOPED_TRACE(ActivationPolicyName(policy).data());
      SCOPED_TRACE(split.value_or(0));
      ExpectSameBits(RunGolden(golden, {.split = split, .policy = policy}),
                     reference);
    }
  }
}

TEST_P(ParityTest, MicroBatchesInAnyScheduleMatch) {
  const GoldenCase golden = LoadGolden(GetParam());
  const int64_t batch = golden.inputs.latents.size(0);
  const Results alternating = RunGolden(golden, {.micro_batches = batch});
  ExpectWithin(alternating, golden, kFloatTolerance);
  ExpectSameBits(RunGolden(golden, {.split = 1,
                                    .policy = ActivationPolicy::kRecompute,
                                    .micro_batches = batch,
                                    .forwards_first = true}),
                 alternating);
}

// The bounds of bf16: 2e-2 for the prediction and all gradients together.
TEST_P(ParityTest, Bfloat16StaysClose) {
  const GoldenCase golden = LoadGolden(GetParam());
  const Results results =
      RunGolden(golden, {.split = 1, .compute = at::kBFloat16});
  EXPECT_LE(RelativeError(results.at("out.prediction"),
                          golden.tensors.at("out.prediction")),
            2e-2);
  double squared_error = 0.0;
  double squared_norm = 0.0;
  for (const auto& [key, result] : results) {
    if (!absl::StartsWith(key, "grad.")) continue;
    const at::Tensor expected = golden.tensors.at(key).to(at::kDouble);
    const at::Tensor difference = result.to(at::kDouble) - expected;
    squared_error += difference.square().sum().item<double>();
    squared_norm += expected.square().sum().item<double>();
    EXPECT_LE(RelativeError(result, expected), 5e-2) << key;
  }
  EXPECT_LE(std::sqrt(squared_error / squared_norm), 2e-2);
}

INSTANTIATE_TEST_SUITE_P(Golden, ParityTest, testing::ValuesIn(GoldenFolders()),
                         [](const testing::TestParamInfo<std::string>& folder) {
                           return folder.param.substr(folder.param.rfind('/') +
                                                      1);
                         });

}  // namespace
}  // namespace halfpipe
