#include "stage/job/arithmetic_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/cpu_arithmetic.h"

namespace halfpipe {
namespace {

TEST(ArithmeticNameTest, NamesAllThree) {
  const std::string name = ArithmeticName();
  EXPECT_THAT(name, testing::MatchesRegex("mkl .+, onednn .+, aten .+"));
  EXPECT_THAT(name, testing::HasSubstr(MklMode()));
  EXPECT_THAT(name, testing::Not(testing::HasSubstr("mkl off")));
  EXPECT_THAT(name, testing::Not(testing::HasSubstr("mkl absent")));
}

}  // namespace
}  // namespace halfpipe
