#include "common/config/job_config.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(AlphaChoiceTest, ColoursAndRefusal) {
  EXPECT_EQ(ParseAlphaChoice("black"), AlphaChoice{});
  EXPECT_EQ(ParseAlphaChoice("white")->background, 0xFFFFFFU);
  EXPECT_EQ(ParseAlphaChoice("#12abEF")->background, 0x12ABEFU);
  EXPECT_EQ(ParseAlphaChoice("#000000"), ParseAlphaChoice("black"));
  EXPECT_TRUE(ParseAlphaChoice("refuse")->refuse);
  EXPECT_FALSE(ParseAlphaChoice("#123456")->refuse);
}

TEST(AlphaChoiceTest, NothingElse) {
  for (const char* bad :
       {"", "#", "red", "WHITE", "#12345", "#1234567", "123456", "#12345g",
        "#0x1234", "# 12345", "#-12345", "black ", "refuse\n"}) {
    EXPECT_FALSE(ParseAlphaChoice(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace halfpipe
