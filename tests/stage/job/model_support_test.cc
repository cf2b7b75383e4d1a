#include "stage/job/model_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"
#include "common/model/known_variants.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string RefusalOf(const ModelSpec& model_spec) {
  JobConfig config;
  config.model.dit = "/models/dit";
  const absl::Status status = CheckCanTrain(config, model_spec);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(ModelSupportTest, ModelsOfClipsAndCaptions) {
  for (const char* name :
       {"t2v-1.3b", "t2v-14b", "t2v-a14b", "i2v-a14b", "ti2v-5b"}) {
    EXPECT_EQ(CheckCanTrain({}, *KnownModel(name, 0)), absl::OkStatus())
        << name;
  }
}

TEST(ModelSupportTest, ModelsWithAnImageEncoderAreNamed) {
  ModelSpec wan = *KnownModel("i2v-a14b", 0);
  wan.image_dim = 1280;
  EXPECT_THAT(RefusalOf(wan),
              AllOf(HasSubstr("model.dit: /models/dit is Wan2.1-I2V or "
                              "Wan2.1-Fun-InP, which takes the features of a "
                              "CLIP image encoder"),
                    HasSubstr("Wan2.2-I2V-A14B")));
  wan.image_positions = 514;
  EXPECT_THAT(RefusalOf(wan), HasSubstr("Wan2.1-FLF2V"));
  wan.image_positions = 0;
  wan.in_channels = 48;
  EXPECT_THAT(RefusalOf(wan), AllOf(HasSubstr("Wan2.1-Fun-Control"),
                                    HasSubstr("and a control video")));
}

TEST(ModelSupportTest, OtherConditionsAreNamed) {
  ModelSpec wan = *KnownModel("t2v-a14b", 0);
  wan.in_channels = 52;
  EXPECT_THAT(RefusalOf(wan), HasSubstr("36 channels of condition"));
  wan = *KnownModel("ti2v-5b", 0);
  wan.in_channels = 100;
  EXPECT_THAT(RefusalOf(wan), HasSubstr("52 channels of condition"));
  // Made-up samples have made-up conditions.
  JobConfig random;
  random.data.random.samples = 1;
  EXPECT_EQ(CheckCanTrain(random, wan), absl::OkStatus());
}

TEST(ModelSupportTest, SizesOfTokens) {
  const ModelSpec large = *KnownModel("t2v-a14b", 0);
  const ModelSpec small = *KnownModel("ti2v-5b", 0);
  DataConfig data;
  data.height = 480;
  data.width = 832;
  EXPECT_EQ(CheckPictureSize(data, large), absl::OkStatus());
  EXPECT_EQ(CheckPictureSize(data, small), absl::OkStatus());
  data.width = 848;
  EXPECT_EQ(CheckPictureSize(data, large), absl::OkStatus());
  EXPECT_EQ(CheckPictureSize(data, small).message(),
            "data.width: this model (TI2V) takes multiples of 32, found 848 "
            "(832 or 864)");
  data.height = 16;
  EXPECT_THAT(std::string(CheckPictureSize(data, small).message()),
              AllOf(HasSubstr("found 16 (32)\n"), HasSubstr("data.width")));
}

TEST(ModelSupportTest, SizesOfTheClipsThemselves) {
  DataConfig data;
  EXPECT_EQ(CheckPictureSize(data, *KnownModel("t2v-a14b", 0)),
            absl::OkStatus());
  const absl::Status status = CheckPictureSize(data, *KnownModel("ti2v-5b", 0));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("data.height: is missing"),
                    HasSubstr("multiples of 32")));
}

TEST(ModelSupportTest, WhatShouldBeKnown) {
  JobConfig config;
  EXPECT_THAT(ModelWarnings(config, *KnownModel("t2v-a14b", 0)), IsEmpty());
  EXPECT_THAT(ModelWarnings(config, *KnownModel("ti2v-5b", 0)),
              ElementsAre(HasSubstr("first frame, is not trained")));
  config.model.clip = "/models/clip.pth";
  EXPECT_THAT(ModelWarnings(config, *KnownModel("i2v-a14b", 0)),
              ElementsAre(HasSubstr("/models/clip.pth is not used")));
}

TEST(ModelSupportTest, AnExpertOnTheOthersTimesteps) {
  const ModelSpec t2v = *KnownModel("t2v-a14b", 0);
  const ModelSpec i2v = *KnownModel("i2v-a14b", 0);
  JobConfig config;
  config.model.dit = "/wan/high_noise_model";
  EXPECT_THAT(ModelWarnings(config, t2v),
              ElementsAre(AllOf(
                  HasSubstr("/wan/high_noise_model is the high-noise expert"),
                  HasSubstr("the job trains it from 0 to 1"),
                  HasSubstr("write train.timesteps.max_boundary: 0.417"))));
  config.train.timesteps.max_boundary = 0.417;
  EXPECT_THAT(ModelWarnings(config, t2v), IsEmpty());
  config.train.timesteps.max_boundary = 0.358;
  EXPECT_THAT(ModelWarnings(config, i2v), IsEmpty());
  config.model.dit = "/wan/low_noise_model";
  EXPECT_THAT(
      ModelWarnings(config, i2v),
      ElementsAre(HasSubstr("write train.timesteps.min_boundary: 0.357")));
  config.train.timesteps.min_boundary = 0.358;
  config.train.timesteps.max_boundary = 1.0;
  EXPECT_THAT(ModelWarnings(config, i2v), IsEmpty());
}

}  // namespace
}  // namespace halfpipe
