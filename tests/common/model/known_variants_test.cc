#include "common/model/known_variants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(KnownVariantsTest, NamesAreFoundInAnySpelling) {
  for (const char* name : {"i2v-a14b", "I2V-A14B", "Wan2.2-I2V-A14B"}) {
    auto model_spec = KnownModel(name, 0);
    ASSERT_TRUE(model_spec.ok()) << model_spec.status();
    EXPECT_EQ(model_spec->dim, 5120);
    EXPECT_EQ(model_spec->layers, 40);
    EXPECT_EQ(model_spec->head_dim(), 128);
    EXPECT_EQ(model_spec->condition_channels(), 20);
  }
  auto small = KnownModel("wan2.1-t2v-1.3b", 3);
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_EQ(small->layers, 3);
  EXPECT_EQ(small->head_dim(), 128);
  EXPECT_EQ(small->condition_channels(), 0);
  auto five = KnownModel("ti2v-5b", 0);
  ASSERT_TRUE(five.ok()) << five.status();
  EXPECT_TRUE(five->has_frame_timesteps());
}

TEST(KnownVariantsTest, AnotherNameListsThoseThereAre) {
  for (const char* name : {"", "wan3", "wan2.1-wan2.2-t2v-14b"}) {
    const absl::Status status = KnownModel(name, 0).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("t2v-1.3b, t2v-14b"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("tiny-i2v"));
  }
}

}  // namespace
}  // namespace halfpipe
