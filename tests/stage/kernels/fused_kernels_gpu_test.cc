// The fused CUDA kernels of the norms and of what is element by element against
// float64, over odd sizes and layouts. Skipped without a CUDA device.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/fused.h"
#include "stage/kernels/gradient_check.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/residual.h"
#include "stage/kernels/rounding_check.h"

namespace halfpipe {
namespace {

constexpr double kEps = 1e-6;

struct Case {
  int64_t samples, tokens, width;
  RowLayout layout;
};

// Every width in every way of addressing: dense, rows with room behind them
// (16-byte steps), and rows whose addresses are odd.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (int64_t tokens : {1, 3, 17, 257}) {
    for (int64_t width : {1, 8, 24, 40, 64, 100, 102, 1536, 5120, 8192}) {
      for (RowLayout layout : {RowLayout{0, 0}, {96, 0}, {3, 1}}) {
        cases.push_back({1, tokens, width, layout});
        if (tokens * width < 1000000) {
          cases.push_back({2, tokens, width, layout});
        }
      }
    }
  }
  return cases;
}

class FusedKernelsTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
  }

  // The result's and the inputs' shape.
  [[nodiscard]] std::vector<int64_t> Sizes() const {
    return {GetParam().samples, GetParam().tokens, GetParam().width};
  }

  [[nodiscard]] at::Tensor Input(uint64_t seed) const {
    return RandomRows(Sizes(), GetParam().layout, seed);
  }

  // (B, groups, D) float32, not contiguous: one of several parameters' rows.
  [[nodiscard]] at::Tensor Modulation(int64_t groups, uint64_t seed) const {
    return RandomTensor({GetParam().samples, groups, 3, GetParam().width}, seed)
        .to(at::Device(at::kCUDA, 0))
        .select(2, 1);
  }

  // A row for all tokens, one for each token, and one for a few.
  [[nodiscard]] std::vector<int64_t> Groups() const {
    const int64_t tokens = GetParam().tokens;
    std::vector<int64_t> groups = {1};
    if (tokens > 1) groups.push_back(tokens);
    if (tokens % 3 == 0) groups.push_back(tokens / 3);
    return groups;
  }
};

// (x - mean) * rstd * multiplier + addend, with the statistics in float64.
Exact ExactLayerNorm(const at::Tensor& x, const at::Tensor& multiplier,
                     const at::Tensor& addend) {
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor centred = wide - wide.mean(-1, true);
  const at::Tensor rstd = (centred.square().mean(-1, true) + kEps).rsqrt();
  const at::Tensor normalised = centred * rstd;
  // The mean's own error counts for each element.
  const at::Tensor magnitude =
      (normalised.abs() + MeanMagnitude(wide) * rstd) * multiplier.abs() +
      addend.abs();
  return {normalised * multiplier + addend, magnitude * (kRowUnits * kUnit)};
}

Exact ExactLayerNormBackward(const at::Tensor& dy, const at::Tensor& x,
                             const at::Tensor& multiplier,
                             const LayerNormStats& stats,
                             const at::Tensor& residual) {
  const at::Tensor rstd = stats.rstd.to(at::kDouble);
  const at::Tensor n = (x.to(at::kDouble) - stats.mean.to(at::kDouble)) * rstd;
  const at::Tensor g = dy.to(at::kDouble) * multiplier;
  at::Tensor value = (g - g.mean(-1, true) - n * (g * n).mean(-1, true)) * rstd;
  at::Tensor magnitude =
      (g.abs() + MeanMagnitude(g) + n.abs() * MeanMagnitude(g * n)) * rstd;
  if (residual.defined()) {
    value = value + residual.to(at::kDouble);
    magnitude = magnitude + residual.to(at::kDouble).abs();
  }
  return {value, magnitude * (kRowUnits * kUnit)};
}

void ExpectStats(const LayerNormStats& stats, const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor mean = wide.mean(-1, true);
  const at::Tensor rstd =
      ((wide - mean).square().mean(-1, true) + kEps).rsqrt();
  ASSERT_EQ(stats.mean.sizes(), mean.sizes());
  const double units = kRowUnits * kUnit;
  EXPECT_TRUE((stats.mean.to(at::kDouble) - mean)
                  .abs()
                  .le(MeanMagnitude(wide) * units)
                  .all()
                  .item<bool>());
  // A wrong mean adds its square to the variance.
  const at::Tensor bound =
      rstd * units + rstd.pow(3) * (MeanMagnitude(wide) * units).square();
  EXPECT_TRUE(
      (stats.rstd.to(at::kDouble) - rstd).abs().le(bound).all().item<bool>());
}

TEST_P(FusedKernelsTest, ModulatedLayerNorm) {
  const at::Tensor x = Input(1).mul_(2.0).add_(0.5);
  ASSERT_TRUE(fused::TakesRows({x}, x.size(-1)));
  for (int64_t groups : Groups()) {
    SCOPED_TRACE(groups);
    const at::Tensor shift = Modulation(groups, 2);
    const at::Tensor scale = Modulation(groups, 3);
    const at::Tensor multiplier = ByToken(scale, x.size(1)) + 1.0;
    LayerNormStats stats;
    const Exact exact =
        ExactLayerNorm(x, multiplier, ByToken(shift, x.size(1)));
    const at::Tensor y = ModulatedLayerNorm(x, shift, scale, kEps, &stats);
    EXPECT_TRUE(y.is_contiguous());
    ExpectRoundedOnce(y, exact);
    ExpectStats(stats, x);
    const Target target = MakeTarget(Sizes(), GetParam().layout);
    ExpectInPlace(
        ModulatedLayerNorm(x, shift, scale, kEps, &stats, target.rows), target);
    EXPECT_TRUE(target.rows.equal(y));

    const at::Tensor dy = Input(4);
    for (const at::Tensor& residual : {at::Tensor(), Input(5)}) {
      ExpectRoundedOnce(
          ModulatedLayerNormBackward(dy, x, scale, stats, residual),
          ExactLayerNormBackward(dy, x, multiplier, stats, residual));
    }
  }
}

TEST_P(FusedKernelsTest, AffineLayerNorm) {
  const at::Tensor x = Input(1);
  const at::Device gpu = x.device();
  const at::Tensor weight = RandomTensor({x.size(-1)}, 2).to(gpu);
  const at::Tensor bias = RandomTensor({x.size(-1)}, 3).to(gpu);
  LayerNormStats stats;
  ExpectRoundedOnce(
      AffineLayerNorm(x, weight, bias, kEps, &stats),
      ExactLayerNorm(x, weight.to(at::kDouble), bias.to(at::kDouble)));
  const at::Tensor dy = Input(4), residual = Input(5);
  ExpectRoundedOnce(
      AffineLayerNormBackward(dy, x, weight, stats, residual),
      ExactLayerNormBackward(dy, x, weight.to(at::kDouble), stats, residual));
  // Rows far from zero: their variance must not cancel.
  const at::Tensor far = Input(6).add_(100.0);
  AffineLayerNorm(far, weight, bias, kEps, &stats);
  ExpectStats(stats, far);
}

TEST_P(FusedKernelsTest, GatedResidual) {
  const at::Tensor x = Input(1), y = Input(2);
  for (int64_t groups : Groups()) {
    SCOPED_TRACE(groups);
    const at::Tensor gate = Modulation(groups, 3);
    const at::Tensor gated = ByToken(gate, x.size(1)) * y.to(at::kDouble);
    const at::Tensor sum = x.to(at::kDouble) + gated;
    ExpectRoundedOnce(GatedResidual(x, gate, y), {sum, sum.abs() * kUnit});
    ExpectRoundedOnce(GatedResidualBackward(y, gate),
                      {gated, gated.abs() * kUnit});
    const Target target = MakeTarget(Sizes(), GetParam().layout);
    ExpectInPlace(GatedResidualBackward(y, gate, target.rows), target);
    EXPECT_TRUE(target.rows.equal(GatedResidualBackward(y, gate)));
  }
}

struct ExactGelu {
  Exact value, slope;
};

// The kernel's s = 1 / (1 + 2^t) carries the 2 ulp of exp2 and of the
// reciprocal, and t's three roundings times t (1 - s), the slope of log s. 1 -
// s is off by what s is, or was rounded to 0. Below 2^-126 s is 0.
ExactGelu GeluOf(const at::Tensor& x) {
  const double two_u = 2.0 * std::sqrt(2.0 / M_PI);
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor inner = two_u * (wide + 0.044715 * wide.pow(3));
  const at::Tensor s = inner.sigmoid();
  const at::Tensor rest = (-inner).sigmoid();  // 1 - s
  const at::Tensor factor = two_u * (1.0 + 3 * 0.044715 * wide.square());
  const at::Tensor relative = (16.0 + 4.0 * inner.abs() * rest) * kUnit;
  const at::Tensor rest_error =
      at::where(rest.lt(kUnit / 4), rest, rest * relative + 8 * kUnit);
  const at::Tensor bend = wide * s * rest * factor;
  return {{wide * s, (wide * s).abs() * relative + 1e-35},
          {s + bend, (s + bend.abs()) * relative +
                         (wide * s * factor).abs() * rest_error + 1e-35}};
}

TEST_P(FusedKernelsTest, Gelu) {
  const at::Tensor x = Input(1).mul_(3.0), dy = Input(2);
  // Where the sigmoid is 0 and where it is 1.
  x[0][0][0].fill_(-30.0);
  if (x.size(2) > 7) x[0][0][7].fill_(1e10);
  const ExactGelu exact = GeluOf(x);
  const at::Tensor activated = GeluTanh(x);
  ExpectRoundedOnce(activated, exact.value);
  const at::Tensor d = dy.to(at::kDouble);
  const GeluGradient gradient = GeluTanhBackward(dy, x);
  ExpectRoundedOnce(gradient.dx, {d * exact.slope.value,
                                  d.abs() * exact.slope.error +
                                      (d * exact.slope.value).abs() * kUnit});
  EXPECT_TRUE(gradient.activated.equal(activated));

  const Target first = MakeTarget(Sizes(), GetParam().layout);
  const Target second = MakeTarget(Sizes(), GetParam().layout);
  ExpectInPlace(GeluTanh(x, first.rows), first);
  EXPECT_TRUE(first.rows.equal(activated));
  const GeluGradient placed = GeluTanhBackward(dy, x, first.rows, second.rows);
  ExpectInPlace(placed.dx, first);
  ExpectInPlace(placed.activated, second);
  EXPECT_TRUE(first.rows.equal(gradient.dx));
  EXPECT_TRUE(second.rows.equal(activated));
  // In the place of the inputs.
  const at::Tensor own_x = x.clone(), own_dy = dy.clone();
  GeluTanhBackward(own_dy, own_x, own_dy, own_x);
  EXPECT_TRUE(own_dy.equal(gradient.dx));
  EXPECT_TRUE(own_x.equal(activated));
}

TEST_P(FusedKernelsTest, RefusesWhatDoesNotFit) {
  const at::Tensor x = Input(1);
  const std::vector<int64_t> wider = {x.size(0), x.size(1), x.size(2) + 1};
  const at::Tensor gate = Modulation(1, 2);
  EXPECT_THROW(GeluTanh(x, RandomRows(wider, {}, 3)), c10::Error);
  EXPECT_THROW(GatedResidual(x, gate, RandomRows(wider, {}, 3)), c10::Error);
  EXPECT_THROW(GatedResidual(x, gate.cpu(), x), c10::Error);
  if (x.size(0) * x.size(1) > 1) {
    const at::Tensor overlapping = x.narrow(0, 0, 1).narrow(1, 0, 1);
    EXPECT_THROW(GeluTanh(x, overlapping.expand(x.sizes())), c10::Error);
  }
}

// Wider than the elementwise kernels' block, as the feed-forward is.
TEST(FusedGeluTest, RowsInSeveralParts) {
  const absl::Status loaded = EnsureCudaLoaded();
  if (!loaded.ok()) GTEST_SKIP() << loaded;
  for (int64_t width : {13824, 8960, 14336, 1025, 8193}) {
    SCOPED_TRACE(width);
    const at::Tensor x = RandomRows({5, width}, {}, 1);
    ExpectRoundedOnce(GeluTanh(x), GeluOf(x).value);
    const GeluGradient gradient = GeluTanhBackward(x, x);
    EXPECT_TRUE(gradient.activated.equal(GeluTanh(x)));
  }
}

INSTANTIATE_TEST_SUITE_P(OddSizes, FusedKernelsTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& tested) {
                           const Case& c = tested.param;
                           return absl::StrCat("B", c.samples, "L", c.tokens,
                                               "D", c.width, "pad",
                                               c.layout.padding);
                         });

}  // namespace
}  // namespace halfpipe
