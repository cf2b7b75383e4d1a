#include <string>

#include "client/commands/command.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(NumberCheckTest, PositiveNumbersPass) {
  const CLI::Validator check = PositiveCheck(kPositiveSeconds);
  for (std::string text : {"1", "0.2", "1e3", "+4"}) {
    EXPECT_EQ(check(text), "") << text;
  }
}

TEST(NumberCheckTest, OthersAreQuoted) {
  const CLI::Validator check = PositiveCheck(kPositiveSeconds);
  for (std::string text :
       {"-1", "0", "-0.0", "nan", "inf", "1e999", "1s", ""}) {
    EXPECT_EQ(check(text),
              "expected a positive number of seconds, found '" + text + "'");
  }
}

TEST(NumberCheckTest, NotNegativeTakesZero) {
  const CLI::Validator check = NotNegativeCheck();
  std::string zero = "0";
  EXPECT_EQ(check(zero), "");
  std::string negative = "-1";
  EXPECT_EQ(check(negative), "expected 0 or a positive number, found '-1'");
}

}  // namespace
}  // namespace halfpipe
