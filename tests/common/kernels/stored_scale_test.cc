#include "common/kernels/stored_scale.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(StoredScaleTest, EveryFormIsRowsByBlocks) {
  const at::Tensor one = at::full({}, 0.5, at::kBFloat16);
  EXPECT_TRUE(ScaleGrid(one, 3).equal(at::full({3, 1}, 0.5f, at::kFloat)));
  const at::Tensor rows = at::arange(3, at::kFloat);
  EXPECT_TRUE(ScaleGrid(rows, 3).equal(rows.view({3, 1})));
  EXPECT_TRUE(ScaleGrid(rows.view({3, 1}), 3).equal(rows.view({3, 1})));
  const at::Tensor blocks = at::arange(6, at::kFloat).view({3, 2, 1});
  EXPECT_TRUE(ScaleGrid(blocks, 3).equal(blocks.view({3, 2})));
}

TEST(StoredScaleTest, MultipliesInFloat32) {
  const at::Tensor values =
      at::arange(12, at::kFloat).view({3, 4}).to(at::kFloat8_e5m2);
  const at::Tensor grid = at::arange(1, 7, at::kFloat).view({3, 2}) / 7;
  const at::Tensor wide = values.to(at::kFloat);
  const at::Tensor expected =
      at::cat({wide.narrow(1, 0, 2) * grid.narrow(1, 0, 1),
               wide.narrow(1, 2, 2) * grid.narrow(1, 1, 1)},
              1);
  EXPECT_TRUE(TimesScale(values, grid).equal(expected));
}

// A convolution's rows are whatever stands behind the first axis.
TEST(StoredScaleTest, KeepsTheShape) {
  const at::Tensor values = at::ones({2, 3, 1, 2, 2}, at::kHalf);
  const at::Tensor grid = at::arange(1, 3, at::kFloat).view({2, 1});
  const at::Tensor product = TimesScale(values, grid);
  EXPECT_EQ(product.sizes(), values.sizes());
  EXPECT_TRUE(product[1].eq(2.0).all().item<bool>());
}

}  // namespace
}  // namespace halfpipe
