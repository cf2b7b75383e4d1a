#include "stage/train/clip.h"

#include <gtest/gtest.h>

#include <vector>

namespace halfpipe {
namespace {

TEST(ClipTest, NormsAreFloat64SumsOfSquares) {
  const at::Tensor norms =
      SquaredNorms({at::tensor({3.0F, 4.0F}), at::tensor({1.0F})});
  ASSERT_EQ(norms.dtype(), at::kDouble);
  EXPECT_DOUBLE_EQ(norms[0].item<double>(), 25.0);
  EXPECT_DOUBLE_EQ(norms[1].item<double>(), 1.0);
  EXPECT_DOUBLE_EQ(GlobalNorm({25.0, 1.0, 10.0}), 6.0);
  EXPECT_EQ(SquaredNorms({}).numel(), 0);
}

TEST(ClipTest, FactorNeverGrowsGradients) {
  EXPECT_DOUBLE_EQ(ClipFactor(0.5, 1.0), 1.0);
  EXPECT_NEAR(ClipFactor(4.0, 1.0), 0.25, 1e-6);
  EXPECT_DOUBLE_EQ(ClipFactor(4.0, 0.0), 1.0);
}

}  // namespace
}  // namespace halfpipe
