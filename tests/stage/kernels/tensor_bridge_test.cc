#include "stage/kernels/tensor_bridge.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(TensorBridgeTest, EveryDTypeRoundTripsWithItsSize) {
  for (DType dtype : {DType::kBool, DType::kU8, DType::kI8, DType::kI16,
                      DType::kI32, DType::kI64, DType::kF8E4M3, DType::kF8E5M2,
                      DType::kF16, DType::kBF16, DType::kF32, DType::kF64}) {
    const at::ScalarType type = ToScalarType(dtype);
    ASSERT_TRUE(ToDType(type).ok());
    EXPECT_EQ(*ToDType(type), dtype);
    EXPECT_EQ(c10::elementSize(type), SizeOf(dtype)) << DTypeName(dtype);
  }
  EXPECT_EQ(ToDType(at::kComplexFloat).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TensorBridgeTest, CheckShapeNamesExpectedAndFound) {
  const at::Tensor tensor = at::zeros({2, 3});
  EXPECT_TRUE(CheckShape("y", tensor, {2, 3}).ok());
  EXPECT_EQ(CheckShape("y", tensor, {3, 2}).message(),
            "y: expected shape [3, 2], found [2, 3]");
  EXPECT_EQ(CheckShape("y", at::Tensor(), {3}).message(),
            "y: expected shape [3], found no tensor");
  EXPECT_EQ(ByteSize(tensor), 24u);
}

}  // namespace
}  // namespace halfpipe
