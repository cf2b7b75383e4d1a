#include "stage/wan/embeddings.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

// Values of the published formula at t = 900.
TEST(EmbeddingsTest, SinusoidHasCosinesFirst) {
  const at::Tensor wave =
      TimestepSinusoid(at::full({1, 1}, 900.0, at::kFloat), 256);
  ASSERT_EQ(wave.sizes(), (std::vector<int64_t>{1, 1, 256}));
  const float expected[] = {0.0662f, -0.2767f, 0.9682f};
  const float expected_sin[] = {0.9978f, 0.9609f, 0.2502f};
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(wave[0][0][i].item<float>(), expected[i], 1e-4f);
    EXPECT_NEAR(wave[0][0][128 + i].item<float>(), expected_sin[i], 1e-4f);
  }
}

MicrobatchInputs TinyInputs() {
  MicrobatchInputs inputs;
  inputs.latents = at::zeros({2, 4, 3, 4, 6});
  inputs.timestep = at::zeros({2});
  inputs.context = at::zeros({2, 7, 6});
  return inputs;
}

TEST(EmbeddingsTest, InputsAreCheckedByName) {
  const ModelSpec wan = TinyWan();
  ASSERT_TRUE(ShapeOfInputs(wan, TinyInputs()).ok());
  EXPECT_EQ(ShapeOfInputs(wan, TinyInputs())->text_tokens, 7);

  MicrobatchInputs inputs = TinyInputs();
  inputs.latents = at::zeros({2, 3, 3, 4, 6});
  EXPECT_EQ(ShapeOfInputs(wan, inputs).status().message(),
            "latents: expected shape [2, 4, 3, 4, 6], found [2, 3, 3, 4, 6]");
  inputs = TinyInputs();
  inputs.timestep = at::zeros({1});
  EXPECT_EQ(ShapeOfInputs(wan, inputs).status().message(),
            "timestep: expected shape [2], found [1]");
  inputs = TinyInputs();
  inputs.y = at::zeros({2, 4, 3, 4, 6});
  EXPECT_EQ(ShapeOfInputs(wan, inputs).status().message(),
            "y: this model (T2V) does not take it, found [2, 4, 3, 4, 6]");
  inputs = TinyInputs();
  inputs.context = at::Tensor();
  EXPECT_EQ(ShapeOfInputs(wan, inputs).status().message(),
            "context: expected a tensor with 3 sizes, found no tensor");
}

TEST(EmbeddingsTest, ConditionedModelsNeedTheirInputs) {
  ModelSpec wan = TinyWan();
  wan.in_channels = 9;
  EXPECT_EQ(ShapeOfInputs(wan, TinyInputs()).status().message(),
            "y: expected shape [2, 5, 3, 4, 6], found no tensor");
  wan = TinyWan();
  wan.image_dim = 8;
  EXPECT_FALSE(ShapeOfInputs(wan, TinyInputs()).ok());
  MicrobatchInputs inputs = TinyInputs();
  inputs.clip_feature = at::zeros({2, 257, 8});
  ASSERT_TRUE(ShapeOfInputs(wan, inputs).ok());
  EXPECT_EQ(ShapeOfInputs(wan, inputs)->image_tokens, 257);
}

}  // namespace
}  // namespace halfpipe
