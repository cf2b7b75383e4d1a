#include "common/base/dtype.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(DTypeTest, NamesRoundTrip) {
  for (const char* name : {"BOOL", "U8", "I8", "I16", "I32", "I64", "F8_E4M3",
                           "F8_E5M2", "F16", "BF16", "F32", "F64"}) {
    std::optional<DType> dtype = ParseDType(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(DTypeName(*dtype), name);
  }
  EXPECT_FALSE(ParseDType("F4").has_value());
}

TEST(DTypeTest, ShapesCountAndPrint) {
  EXPECT_EQ(ElementCount({}), 1);
  EXPECT_EQ(ElementCount({2, 3, 4}), 24);
  EXPECT_EQ(ShapeString({2, 16}), "[2, 16]");
  EXPECT_EQ(SizeOf(DType::kBF16), 2u);
}

}  // namespace
}  // namespace halfpipe
