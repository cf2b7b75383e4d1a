// Against the golden files: two independent implementations made them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/wan/golden_case.h"
#include "stage/wan/pipeline_parts.h"

namespace halfpipe {
namespace {

class ParityTest : public testing::TestWithParam<std::string> {};

TEST_P(ParityTest, EveryPolicyAndSplitMatchesToTheBit) {
  const GoldenCase golden = LoadGolden(GetParam());
  const Results reference = RunGolden(golden, RunOptions());
  ExpectFloatParity(reference, golden);
  const std::optional<int64_t> splits[] = {std::nullopt, 1, 2};
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kRecompute,
        ActivationPolicy::kOffload}) {
    for (std::optional<int64_t> split : splits) {
      SCOPED_TRACE(ActivationPolicyName(policy).data());
      SCOPED_TRACE(split.value_or(0));
      ExpectSameBits(RunGolden(golden, {.split = split, .policy = policy}),
                     reference);
    }
  }
}

TEST_P(ParityTest, APlanThatMixesAllThreeMatchesToTheBit) {
  const GoldenCase golden = LoadGolden(GetParam());
  auto plan = ActivationPlan::Parse("1*orokrorr");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ExpectSameBits(RunGolden(golden, {.split = 1, .plan = (*plan)[0]}),
                 RunGolden(golden, RunOptions()));
}

TEST_P(ParityTest, FeedForwardInChunksMatches) {
  const GoldenCase golden = LoadGolden(GetParam());
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kRecompute}) {
    SCOPED_TRACE(ActivationPolicyName(policy).data());
    ExpectFloatParity(RunGolden(golden, {.policy = policy, .ffn_chunks = 3}),
                      golden);
  }
}

TEST_P(ParityTest, MicroBatchesInAnyScheduleMatch) {
  const GoldenCase golden = LoadGolden(GetParam());
  const int64_t batch = golden.inputs.latents.size(0);
  const Results alternating = RunGolden(golden, {.micro_batches = batch});
  ExpectFloatParity(alternating, golden);
  ExpectSameBits(RunGolden(golden, {.split = 1,
                                    .policy = ActivationPolicy::kRecompute,
                                    .micro_batches = batch,
                                    .forwards_first = true}),
                 alternating);
}

TEST_P(ParityTest, Bfloat16StaysClose) {
  const GoldenCase golden = LoadGolden(GetParam());
  ExpectBfloat16Parity(
      RunGolden(golden, {.split = 1, .compute = at::kBFloat16}), golden);
}

INSTANTIATE_TEST_SUITE_P(Golden, ParityTest, testing::ValuesIn(GoldenFolders()),
                         [](const testing::TestParamInfo<std::string>& folder) {
                           return folder.param.substr(folder.param.rfind('/') +
                                                      1);
                         });

}  // namespace
}  // namespace halfpipe
