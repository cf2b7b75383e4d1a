#include "stage/kernels/tensor_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

TEST(RowStrideTest, EquallySpacedRows) {
  const at::Tensor x = RandomTensor({2, 3, 8}, 1);
  EXPECT_EQ(RowStride(x), 8);
  EXPECT_EQ(RowStride(x.narrow(2, 1, 4)), 8);
  EXPECT_EQ(RowStride(x[0][0]), 0);
  EXPECT_EQ(RowStride(x.narrow(1, 2, 1)), 24);
  EXPECT_EQ(RowStride(RandomTensor({2, 1, 5, 4, 3}, 1)), 3);
  EXPECT_EQ(RowStride(RandomTensor({1, 1, 8}, 1).expand({2, 3, 8})), 0);
}

TEST(RowStrideTest, OtherLayouts) {
  const at::Tensor x = RandomTensor({2, 3, 8}, 1);
  EXPECT_EQ(RowStride(x.transpose(1, 2)), std::nullopt);  // stride in a row
  EXPECT_EQ(RowStride(x.transpose(0, 1)), std::nullopt);  // order of the rows
  EXPECT_EQ(RowStride(x.narrow(1, 0, 2)), std::nullopt);  // a gap
  const at::Tensor copy = WithRows(x.narrow(1, 0, 2));
  EXPECT_EQ(RowStride(copy), 8);
  EXPECT_TRUE(copy.equal(x.narrow(1, 0, 2)));
  EXPECT_TRUE(WithRows(x).is_same(x));
}

TEST(ResultRowsTest, ChecksWhatTheCallerGives) {
  const at::Tensor like = RandomTensor({2, 3, 4}, 1);
  EXPECT_TRUE(ResultRows({}, like.sizes(), like).is_contiguous());
  const at::Tensor wider = RandomTensor({2, 3, 6}, 1);
  const at::Tensor out = wider.narrow(2, 0, 4);
  EXPECT_TRUE(ResultRows(out, like.sizes(), like).is_same(out));
  EXPECT_THROW((void)ResultRows(wider, like.sizes(), like), c10::Error);
  EXPECT_THROW((void)ResultRows(like.to(at::kBFloat16), like.sizes(), like),
               c10::Error);
  EXPECT_THROW((void)ResultRows(like.narrow(1, 0, 1).expand({2, 3, 4}),
                                like.sizes(), like),
               c10::Error);
}

TEST(ReadRowsTest, TypesAreChecked) {
  const at::Tensor floats = RandomTensor({3, 4}, 1);
  const at::Tensor halves = floats.to(at::kBFloat16);
  EXPECT_EQ(ReadFloatRows(floats).data, floats.const_data_ptr<float>());
  EXPECT_EQ(ReadRows(halves).stride, 4);
  EXPECT_EQ(WriteRows(halves.narrow(1, 2, 2)).data, WriteRows(halves).data + 2);
  EXPECT_EQ(ReadRows({}).data, nullptr);
  EXPECT_THROW((void)ReadRows(floats), c10::Error);
  EXPECT_THROW((void)WriteRows(floats), c10::Error);
  EXPECT_THROW((void)ReadFloatRows(halves), c10::Error);
}

}  // namespace
}  // namespace halfpipe
