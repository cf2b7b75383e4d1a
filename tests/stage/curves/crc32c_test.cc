#include "stage/curves/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// RFC 3720, B.4.
TEST(Crc32cTest, IsTheOneOfTheStandard) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32cTest, IsMaskedAsInTensorFlow) {
  EXPECT_EQ(MaskedCrc32c("123456789"), 0xc78ab0e5u);
}

}  // namespace
}  // namespace halfpipe
