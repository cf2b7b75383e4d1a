#include "common/base/line_limit.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(LineLimitTest, LetsSoManyThroughASecondAndCountsTheOthers) {
  LineLimit limit(2);
  const absl::Time now = absl::FromUnixSeconds(1000);
  EXPECT_EQ(limit.Take(now), 0);
  EXPECT_EQ(limit.Take(now), 0);
  EXPECT_EQ(limit.Take(now), std::nullopt);
  EXPECT_EQ(limit.Take(now + absl::Milliseconds(999)), std::nullopt);
  EXPECT_EQ(limit.Take(now + absl::Seconds(1)), 2);
  EXPECT_EQ(limit.Take(now + absl::Seconds(1)), 0);
  EXPECT_EQ(limit.Take(now + absl::Seconds(1)), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
