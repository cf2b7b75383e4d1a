#include "stage/kernels/qk_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/attention.h"
#include "stage/kernels/gradient_check.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/reference.h"
#include "stage/kernels/rope.h"

namespace halfpipe {
namespace {

constexpr int64_t kHeads = 3;
constexpr int64_t kWidth = 12;  // of a head

class QkNormTest : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  [[nodiscard]] static bool centre() { return std::get<0>(GetParam()); }

  [[nodiscard]] at::Tensor rope() const {
    return std::get<1>(GetParam()) ? RopeTable({1, 3, 5}, kWidth, at::kCPU)
                                   : at::Tensor();
  }

  [[nodiscard]] static QkNormOptions Options() {
    return {.heads = kHeads, .eps = 1e-6, .centre = centre()};
  }

  const at::Tensor linear_ = RandomTensor({2, 15, kHeads* kWidth}, 1);
  const at::Tensor weight_ = RandomTensor({kHeads * kWidth}, 2);
};

TEST_P(QkNormTest, IsItsThreeSteps) {
  QkNormStats stats;
  at::Tensor expected_rstd;
  const at::Tensor heads = QkNorm(linear_, weight_, rope(), Options(), &stats);
  at::Tensor expected = RmsNorm(linear_, weight_, 1e-6, &expected_rstd)
                            .view({2, 15, kHeads, kWidth});
  if (rope().defined()) expected = ApplyRope(expected, rope());
  if (centre()) expected = CentreKeys(expected);
  ExpectClose(heads, expected, 1e-6);
  EXPECT_TRUE(heads.is_contiguous());
  EXPECT_TRUE(stats.rstd.equal(expected_rstd));
  EXPECT_EQ(stats.mean.defined(), centre());
}

TEST_P(QkNormTest, HeadsOfItAreTheSameBits) {
  QkNormStats stats;
  const at::Tensor heads = QkNorm(linear_, weight_, rope(), Options(), &stats);
  for (int64_t first = 0; first < kHeads; ++first) {
    for (int64_t count = 1; first + count <= kHeads; ++count) {
      EXPECT_TRUE(
          QkNormHeads(linear_, weight_, rope(), Options(), stats, first, count)
              .equal(heads.narrow(2, first, count)));
    }
  }
}

TEST_P(QkNormTest, Gradient) {
  QkNormStats stats;
  const at::Tensor dheads = RandomTensor({2, 15, kHeads, kWidth}, 3);
  QkNorm(linear_, weight_, rope(), Options(), &stats);
  const at::Tensor dlinear =
      QkNormBackward(dheads, linear_, weight_, rope(), stats.rstd, Options());
  ExpectGradient(
      [&](const at::Tensor& at) {
        QkNormStats unused;
        return QkNorm(at, weight_, rope(), Options(), &unused);
      },
      linear_, dheads, dlinear);
  // From attention that keeps the heads first, into a wider tensor.
  const at::Tensor wider = at::full({2, 15, kHeads * kWidth + 4}, 7.0);
  const at::Tensor out = QkNormBackward(
      dheads.transpose(1, 2).contiguous().transpose(1, 2), linear_, weight_,
      rope(), stats.rstd, Options(), wider.narrow(2, 0, kHeads * kWidth));
  EXPECT_TRUE(out.equal(dlinear));
  EXPECT_TRUE(wider.narrow(2, 0, kHeads * kWidth).equal(dlinear));
  EXPECT_TRUE(wider.narrow(2, kHeads * kWidth, 4).eq(7.0).all().item<bool>());
  // In place.
  const at::Tensor place = wider.narrow(2, 0, kHeads * kWidth);
  place.copy_(dheads.flatten(2));
  QkNormBackward(place.unflatten(2, {kHeads, kWidth}), linear_, weight_, rope(),
                 stats.rstd, Options(), place);
  EXPECT_TRUE(place.equal(dlinear));
}

// In bfloat16 only the input and the result are rounded.
TEST_P(QkNormTest, RoundsOnce) {
  const at::Tensor half = linear_.to(at::kBFloat16);
  QkNormStats stats;
  const at::Tensor heads = QkNorm(half, weight_, rope(), Options(), &stats);
  const at::Tensor wide = reference::QkNorm(half.to(at::kFloat), weight_,
                                            rope(), Options(), &stats);
  EXPECT_TRUE(heads.equal(wide.to(at::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(CentreAndRope, QkNormTest,
                         testing::Combine(testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace halfpipe
