#include "stage/wan/patches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

TEST(PatchesTest, UnfoldedPatchesTimesWeightIsTheConvolution) {
  const ModelSpec wan = TinyWan();
  const at::Tensor latents = at::randn({2, 4, 3, 4, 10});
  const at::Tensor weight = at::randn({12, 4, 1, 2, 2});
  const at::Tensor tokens =
      at::linear(UnfoldPatches(latents, wan), weight.flatten(1));
  const at::Tensor expected =
      at::conv3d(latents, weight, {}, {1, 2, 2}).flatten(2).transpose(1, 2);
  EXPECT_LT((tokens - expected).abs().max().item<float>(), 1e-4f);
}

TEST(PatchesTest, FoldAndUnfoldPredictionAreInverse) {
  const ModelSpec wan = TinyWan();
  const TokenGrid grid{3, 2, 5};
  const at::Tensor features = at::randn({2, 30, 16});
  const at::Tensor prediction = FoldPrediction(features, grid, wan);
  EXPECT_EQ(prediction.sizes(), (std::vector<int64_t>{2, 4, 3, 4, 10}));
  EXPECT_TRUE(UnfoldPrediction(prediction, wan).equal(features));
  // Channel fastest: feature 1 of a token is channel 1 of its first cell.
  EXPECT_EQ(prediction[0][1][0][0][0].item<float>(),
            features[0][0][1].item<float>());
  // Then the column within the patch.
  EXPECT_EQ(prediction[0][0][0][0][1].item<float>(),
            features[0][0][4].item<float>());
}

}  // namespace
}  // namespace halfpipe
