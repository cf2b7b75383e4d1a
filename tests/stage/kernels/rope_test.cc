#include "stage/kernels/rope.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

// Angle of pair `j` on an axis with `channels` channels.
double Angle(int64_t position, int64_t j, int64_t channels) {
  return static_cast<double>(position) *
         std::pow(10000.0, -2.0 * static_cast<double>(j) /
                               static_cast<double>(channels));
}

TEST(RopeTest, AxesAreSplitAndOrderedFrameRowColumn) {
  // 16 channels: rows and columns 2 * (16 / 6) = 4 each, frames 8.
  const TokenGrid grid{2, 3, 5};
  const at::Tensor table = RopeTable(grid, 16, at::kCPU);
  ASSERT_EQ(table.sizes(), (std::vector<int64_t>{30, 8}));
  const int64_t token = 1 * 15 + 2 * 5 + 4;  // frame 1, row 2, column 4
  const auto expect = [&](int64_t pair, double angle) {
    const auto value = table[token][pair].item<c10::complex<float>>();
    EXPECT_NEAR(value.real(), std::cos(angle), 1e-6) << pair;
    EXPECT_NEAR(value.imag(), std::sin(angle), 1e-6) << pair;
  };
  for (int64_t j = 0; j < 4; ++j) expect(j, Angle(1, j, 8));
  for (int64_t j = 0; j < 2; ++j) expect(4 + j, Angle(2, j, 4));
  for (int64_t j = 0; j < 2; ++j) expect(6 + j, Angle(4, j, 4));
}

TEST(RopeTest, HeadsOf128SplitAs44And42) {
  const at::Tensor table = RopeTable({1, 1, 2}, 128, at::kCPU);
  // Only the column differs between the two tokens: the last 21 pairs.
  const at::Tensor differs = at::ne(table[0], table[1]);
  EXPECT_FALSE(differs.narrow(0, 0, 43).any().item<bool>());
  EXPECT_TRUE(differs.narrow(0, 43, 21).all().item<bool>());
}

TEST(RopeTest, RotatesInterleavedPairs) {
  const TokenGrid grid{1, 1, 2};
  const at::Tensor table = RopeTable(grid, 12, at::kCPU);
  const at::Tensor x = RandomTensor({1, 2, 3, 12}, 1);
  const at::Tensor y = ApplyRope(x, table);
  const double angle = Angle(1, 0, 4);  // first column pair: channels 8 and 9
  for (int64_t head = 0; head < 3; ++head) {
    const double a = x[0][1][head][8].item<double>();
    const double b = x[0][1][head][9].item<double>();
    EXPECT_NEAR(y[0][1][head][8].item<double>(),
                a * std::cos(angle) - b * std::sin(angle), 1e-6);
    EXPECT_NEAR(y[0][1][head][9].item<double>(),
                a * std::sin(angle) + b * std::cos(angle), 1e-6);
  }
}

TEST(RopeTest, Gradient) {
  const TokenGrid grid{3, 1, 5};
  const at::Tensor table = RopeTable(grid, 12, at::kCPU);
  const at::Tensor x = RandomTensor({2, 15, 2, 12}, 1);
  const at::Tensor dy = RandomTensor({2, 15, 2, 12}, 2);
  ExpectGradient([&](const at::Tensor& at) { return ApplyRope(at, table); }, x,
                 dy, ApplyRopeBackward(dy, table));
}

}  // namespace
}  // namespace halfpipe
