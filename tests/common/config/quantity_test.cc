#include "common/config/quantity.h"

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(QuantityTest, Bytes) {
  EXPECT_EQ(*ParseBytes("22GiB"), int64_t{22} << 30);
  EXPECT_EQ(*ParseBytes("1.5 GiB"), int64_t{3} << 29);
  EXPECT_EQ(*ParseBytes("24GB"), 24'000'000'000);
  EXPECT_EQ(*ParseBytes("1024"), 1024);
  for (const char* bad :
       {"", "GiB", "1 gigabyte", "-1GiB", "1e9", "99999999TiB", "1..5GiB"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatBytes(int64_t{22} << 30), "22GiB");
  EXPECT_EQ(FormatBytes(int64_t{3} << 29), "1536MiB");
  EXPECT_EQ(FormatBytes(1000), "1000B");
}

TEST(QuantityTest, Seconds) {
  EXPECT_EQ(*ParseSeconds("30min"), 1800);
  EXPECT_EQ(*ParseSeconds("1.5h"), 5400);
  EXPECT_FALSE(ParseSeconds("30").ok());
  EXPECT_FALSE(ParseSeconds("30m").ok());
  EXPECT_EQ(FormatSeconds(1800), "30min");
  EXPECT_EQ(FormatSeconds(86400), "1d");
  EXPECT_EQ(FormatSeconds(90), "90s");
}

TEST(QuantityTest, RealsReadBackExactlyAndHaveAPoint) {
  EXPECT_EQ(FormatReal(5.0), "5.0");
  EXPECT_EQ(FormatReal(1e-4), "1.0e-04");
  EXPECT_EQ(FormatReal(0.358), "0.358");
  for (double value : {0.1, 1.0 / 3.0, 1.25e-9, 1e22, -0.0}) {
    double back = 1.0;
    ASSERT_TRUE(absl::SimpleAtod(FormatReal(value), &back));
    EXPECT_EQ(back, value);
  }
}

}  // namespace
}  // namespace halfpipe
