#include <string>

#include "client/client_test_support.h"
#include "client/report/plan_report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(JobModelTest, ARandomModelIsTheVariantThatItNames) {
  ModelConfig config;
  config.random.variant = "i2v-a14b";
  const ModelSpec shape = ReadJobModel(config).value();
  EXPECT_EQ(shape.dim, 5120);
  EXPECT_EQ(shape.ffn_dim, 13824);
  EXPECT_EQ(shape.heads, 40);
  EXPECT_EQ(shape.layers, 40);
  EXPECT_EQ(shape.text_dim, 4096);
  EXPECT_EQ(shape.in_channels, 36);
  EXPECT_EQ(shape.out_channels, 16);
  EXPECT_FALSE(shape.has_image_branch());
  config.random.layers = 3;
  EXPECT_EQ(ReadJobModel(config)->layers, 3);
  config.random.variant = "none";
  EXPECT_THAT(ReadJobModel(config).status().message(),
              HasSubstr("model.random.variant: 'none'"));
}

TEST(JobModelTest, WithoutItsWeightsAModelMustBeNamed) {
  const TestDirectory directory;
  ModelConfig config;
  config.dit = directory.Path("dit");
  EXPECT_EQ(ReadJobModel(config).status().code(), absl::StatusCode::kNotFound);
  config.variant = "ti2v-5b";
  EXPECT_EQ(ReadJobModel(config)->dim, 3072);
  config.variant = "none";
  EXPECT_THAT(ReadJobModel(config).status().message(),
              HasSubstr("model.variant: 'none'"));
}

TEST(JobModelTest, WeightsThatAreThereDecide) {
  const TestDirectory directory;
  ModelConfig config;
  config.variant = "i2v-a14b";
  config.dit = directory.Write("dit.safetensors", "no safetensors");
  const absl::Status status = ReadJobModel(config).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("dit.safetensors"));
}

}  // namespace
}  // namespace halfpipe
