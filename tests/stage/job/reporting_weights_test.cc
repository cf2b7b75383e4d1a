#include "stage/job/reporting_weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

TEST(ReportingWeightsTest, SaysHowManyTensorsItHasPassedOn) {
  const RandomWeights random(TinyWan(), 7);
  std::vector<std::string> said;
  const ReportingWeights weights(&random, [&](const StageProgress& at) {
    said.push_back(ProgressText(at));
  });
  const std::string name = "blocks.1.ffn.0.weight";
  const auto tensor = weights.Load(name, at::kFloat, at::kCPU);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_TRUE(tensor->equal(*random.Load(name, at::kFloat, at::kCPU)));
  ASSERT_TRUE(weights.LoadQuantised(name, at::kCPU).ok());
  EXPECT_EQ(said, (std::vector<std::string>{"loading the model, 1 tensors",
                                            "loading the model, 2 tensors"}));
}

TEST(ReportingWeightsTest, ATensorThatIsNotThereIsNoProgress) {
  const RandomWeights random(TinyWan(), 7);
  int said = 0;
  const ReportingWeights weights(&random,
                                 [&](const StageProgress&) { ++said; });
  EXPECT_TRUE(absl::IsNotFound(
      weights.Load("blocks.9.x", at::kFloat, at::kCPU).status()));
  EXPECT_EQ(said, 0);
  EXPECT_EQ(&weights.spec(), &random.spec());
}

}  // namespace
}  // namespace halfpipe
