#include "stage/job/comparison.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace halfpipe {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr char kQuery[] = "blocks.0.self_attn.q.lora_A.default.weight";
constexpr char kLaterQuery[] = "blocks.11.self_attn.q.lora_A.default.weight";
constexpr char kInner[] = "blocks.0.ffn.0.lora_B.default.weight";

TEST(ComparisonTest, RelativeErrorIsOfTheNorms) {
  const TensorError error =
      CompareTensors(at::tensor({3.0F, 4.5F}), at::tensor({3.0F, 4.0F}));
  EXPECT_DOUBLE_EQ(error.relative(), 0.1);
  EXPECT_TRUE(error.Within(0.11));
  EXPECT_FALSE(error.Within(0.09));
}

TEST(ComparisonTest, AZeroReferenceIsComparedAbsolutely) {
  const at::Tensor zero = at::zeros({4});
  EXPECT_TRUE(
      CompareTensors(at::full({4}, 4e-8, at::kDouble), zero).Within(1e-4));
  EXPECT_FALSE(
      CompareTensors(at::full({4}, 6e-8, at::kDouble), zero).Within(1e-4));
  // Even the widest bound does not pass it.
  EXPECT_FALSE(CompareTensors(at::ones({4}), zero).Within(1e9));
}

TEST(ComparisonTest, NanAndOtherSizesAreNeverWithin) {
  const at::Tensor ones = at::ones({3});
  const at::Tensor nan = at::full({3}, kNan, at::kFloat);
  EXPECT_FALSE(CompareTensors(nan, ones).Within(1e9));
  EXPECT_FALSE(CompareTensors(ones, nan).Within(1e9));
  EXPECT_FALSE(CompareTensors(nan, at::zeros({3})).Within(1e9));
  EXPECT_FALSE(CompareTensors(at::ones({2}), ones).Within(1e9));
  EXPECT_TRUE(CompareTensors(at::ones({1, 3}), ones).Within(0.0));
}

TEST(ComparisonTest, AnInfiniteReferenceIsNeverWithin) {
  const at::Tensor ones = at::ones({3});
  const at::Tensor infinite = at::full({3}, kInfinity, at::kFloat);
  EXPECT_FALSE(CompareTensors(ones, infinite).Within(1e-4));
  EXPECT_FALSE(CompareTensors(infinite, ones).Within(1e9));
  EXPECT_FALSE(CompareTensors(infinite, infinite).Within(1e9));
  EXPECT_FALSE(CompareOne("loss", ones, infinite, /*bound=*/1e-4).within);
}

TEST(ComparisonTest, OneTensorIsAGroup) {
  const GroupResult group = CompareOne("prediction", at::full({2}, 1.01),
                                       at::ones({2}), /*bound=*/1e-3);
  EXPECT_EQ(group.group, "prediction");
  EXPECT_EQ(group.tensors, 1u);
  EXPECT_NEAR(group.worst, 0.01, 1e-6);
  EXPECT_FALSE(group.within);
}

TEST(ComparisonTest, GradientsAreGroupedOverTheBlocks) {
  const at::Tensor ones = at::ones({4});
  const std::vector<GroupResult> results = CompareGradients(
      {{kQuery, ones}, {kLaterQuery, ones * 1.04}, {kInner, ones * 1.01}},
      {{kQuery, ones}, {kLaterQuery, ones}, {kInner, ones}},
      {.total = 0.03, .per_tensor = 0.02});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].group, "grad ffn.0.lora_B");
  EXPECT_TRUE(results[0].within);
  EXPECT_EQ(results[1].group, "grad self_attn.q.lora_A");
  EXPECT_EQ(results[1].tensors, 2u);
  EXPECT_EQ(results[1].worst_name, kLaterQuery);
  EXPECT_NEAR(results[1].worst, 0.04, 1e-6);
  EXPECT_FALSE(results[1].within);
  // sqrt(0.04^2 + 0.01^2) of sqrt(3): all of them as one vector.
  EXPECT_EQ(results[2].group, "all gradients");
  EXPECT_EQ(results[2].tensors, 3u);
  EXPECT_NEAR(results[2].worst, std::hypot(0.04, 0.01) / std::sqrt(3.0), 1e-6);
  EXPECT_TRUE(results[2].within);
}

TEST(ComparisonTest, ANanAmongTheGradientsIsTheWorst) {
  const at::Tensor ones = at::ones({4});
  const std::vector<GroupResult> results = CompareGradients(
      {{kQuery, ones * kNan}, {kLaterQuery, ones * 3}},
      {{kQuery, ones}, {kLaterQuery, ones}}, {.total = 1e9, .per_tensor = 1e9});
  EXPECT_FALSE(results[0].within);
  EXPECT_EQ(results[0].worst_name, kQuery);
  EXPECT_TRUE(std::isnan(results[0].worst));
  EXPECT_FALSE(results[1].within);
}

}  // namespace
}  // namespace halfpipe
