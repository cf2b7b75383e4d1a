#include "client/report/model_shape.h"

#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(ModelShapeTest, ARandomModelIsTheVariantThatItNames) {
  ModelConfig config;
  config.random.variant = "i2v-a14b";
  const ModelShape shape = ReadModelShape(config).value();
  EXPECT_EQ(shape.dim, 5120);
  EXPECT_EQ(shape.ffn_dim, 13824);
  EXPECT_EQ(shape.heads, 40);
  EXPECT_EQ(shape.layers, 40);
  EXPECT_EQ(shape.text_dim, 4096);
  EXPECT_EQ(shape.in_channels, 36);
  EXPECT_EQ(shape.out_channels, 16);
  EXPECT_FALSE(shape.image_branch);
  config.random.layers = 3;
  EXPECT_EQ(ReadModelShape(config)->layers, 3);
  config.random.variant = "none";
  EXPECT_THAT(ReadModelShape(config).status().message(),
              HasSubstr("model.random.variant: 'none'"));
}

TEST(ModelShapeTest, WithoutItsWeightsAModelMustBeNamed) {
  const TestDirectory directory;
  ModelConfig config;
  config.dit = directory.Path("dit");
  EXPECT_EQ(ReadModelShape(config).status().code(),
            absl::StatusCode::kNotFound);
  config.variant = "ti2v-5b";
  EXPECT_EQ(ReadModelShape(config)->dim, 3072);
  config.variant = "none";
  EXPECT_THAT(ReadModelShape(config).status().message(),
              HasSubstr("model.variant: 'none'"));
}

TEST(ModelShapeTest, WeightsThatAreThereDecide) {
  const TestDirectory directory;
  ModelConfig config;
  config.variant = "i2v-a14b";
  config.dit = directory.Write("dit.safetensors", "no safetensors");
  const absl::Status status = ReadModelShape(config).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("dit.safetensors"));
}

}  // namespace
}  // namespace halfpipe
