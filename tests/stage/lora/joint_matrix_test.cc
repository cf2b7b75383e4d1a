#include "stage/lora/joint_matrix.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "stage/lora/weight_scratch.h"

namespace halfpipe {
namespace {

constexpr int64_t kIn = 16;
constexpr int64_t kRoom = 8;

std::vector<at::Tensor> Weights() {
  at::manual_seed(2);
  return {at::randn({6, kIn}), at::randn({4, kIn})};
}

TEST(JointMatrixTest, HoldsTheWeightsAndThePlacesOfTheAdapters) {
  JointMatrix matrix(Weights(), kRoom);
  matrix.a().fill_(2.0);
  matrix.b().fill_(3.0);
  const at::Tensor whole = matrix.Whole();
  EXPECT_EQ(whole.sizes(), (std::vector<int64_t>{10 + kRoom, kIn + kRoom}));
  EXPECT_TRUE(
      whole.narrow(0, 0, 10).narrow(1, 0, kIn).equal(at::cat(Weights())));
  EXPECT_TRUE(
      whole.narrow(0, 10, kRoom).narrow(1, 0, kIn).eq(2.0).all().item<bool>());
  EXPECT_TRUE(
      whole.narrow(0, 0, 10).narrow(1, kIn, kRoom).eq(3.0).all().item<bool>());
}

TEST(JointMatrixTest, EightBitWeightsAreUnpackedOnDemand) {
  const auto scratch = std::make_shared<WeightScratch>();
  std::vector<Fp8Matrix> quantised;
  for (const at::Tensor& weight : Weights()) {
    quantised.push_back(QuantiseRows(weight));
  }
  JointMatrix matrix(quantised, kRoom, at::kFloat, scratch);
  matrix.a().fill_(2.0);
  matrix.b().fill_(3.0);
  at::Tensor expected = at::empty({10, kIn});
  Dequantise(matrix.quantised(), expected);
  const at::Tensor whole = matrix.Whole();
  EXPECT_TRUE(whole.narrow(0, 0, 10).narrow(1, 0, kIn).equal(expected));
  EXPECT_TRUE(whole.narrow(0, 10, kRoom).narrow(1, 0, kIn).equal(matrix.a()));
  EXPECT_TRUE(whole.narrow(0, 0, 10).narrow(1, kIn, kRoom).equal(matrix.b()));
  const Fp8Matrix transposed = matrix.TransposedValues();
  EXPECT_TRUE(transposed.scales.eq(1.0).all().item<bool>());
  EXPECT_TRUE(transposed.values.to(at::kFloat)
                  .equal(matrix.quantised().values.to(at::kFloat).t()));
}

TEST(WeightScratchTest, IsOneBufferThatGrows) {
  WeightScratch scratch;
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor large = scratch.Take({4, 8}, options);
  const at::Tensor small = scratch.Take({3, 5}, options.dtype(at::kBFloat16));
  EXPECT_EQ(small.data_ptr(), large.data_ptr());
  EXPECT_EQ(small.sizes(), (std::vector<int64_t>{3, 5}));
  EXPECT_EQ(scratch.Take({100, 8}, options).numel(), 800);
}

}  // namespace
}  // namespace halfpipe
