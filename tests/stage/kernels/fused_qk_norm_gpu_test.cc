// The fused CUDA kernels of QkNorm against float64, over odd sizes and layouts.
// Skipped without a CUDA device.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/fused.h"
#include "stage/kernels/gradient_check.h"
#include "stage/kernels/qk_norm.h"
#include "stage/kernels/rope.h"
#include "stage/kernels/rounding_check.h"

namespace halfpipe {
namespace {

constexpr double kEps = 1e-6;
const at::Device kGpu(at::kCUDA, 0);
// A mean over the tokens: up to 128 in a chunk and 32 + 32 of the chunks.
constexpr double kTokenUnits = 200;

struct Case {
  int64_t samples, tokens, heads, head_width;
  RowLayout layout;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (RowLayout layout : {RowLayout{0, 0}, {96, 0}, {3, 1}}) {
    for (int64_t tokens : {1, 3, 17, 257}) {
      cases.push_back({1, tokens, 1, 8, layout});
      cases.push_back({2, tokens, 2, 12, layout});
      cases.push_back({2, tokens, 3, 8, layout});
      cases.push_back({1, tokens, 5, 8, layout});
      cases.push_back({2, tokens, 1, 64, layout});
      cases.push_back({1, tokens, 50, 2, layout});
      cases.push_back({2, tokens, 3, 34, layout});
      cases.push_back({1, tokens, 12, 128, layout});
      cases.push_back({1, tokens, 24, 128, layout});
      cases.push_back({1, tokens, 40, 128, layout});
    }
    // More tokens than one wave of blocks, so that chunks hold several.
    cases.push_back({1, 10000, 4, 128, layout});
    cases.push_back({2, 5000, 3, 34, layout});
  }
  return cases;
}

// Rotated by float64 arithmetic over the given float32 table, or `x` itself.
at::Tensor Rotate(const at::Tensor& x, const at::Tensor& table) {
  if (!table.defined()) return x;
  const at::Tensor pairs =
      x.contiguous().view({x.size(0), x.size(1), x.size(2), -1, 2});
  return at::view_as_real(at::view_as_complex(pairs) *
                          table.to(at::kComplexDouble).unsqueeze(1))
      .reshape(x.sizes());
}

// The magnitudes that Rotate adds up: |a cos| + |b sin|.
at::Tensor RotatedMagnitude(const at::Tensor& x, const at::Tensor& table) {
  if (!table.defined()) return x.abs();
  const at::Tensor pairs =
      x.abs().contiguous().view({x.size(0), x.size(1), x.size(2), -1, 2});
  const at::Tensor parts =
      at::view_as_real(table).to(at::kDouble).abs().unsqueeze(1);
  const at::Tensor cosine = parts.narrow(-1, 0, 1);
  const at::Tensor sine = parts.narrow(-1, 1, 1);
  return (pairs * cosine + pairs.flip(-1) * sine).reshape(x.sizes());
}

at::Tensor TokenMean(const at::Tensor& x) { return x.mean(1, true); }

class FusedQkNormTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
    const Case& c = GetParam();
    width_ = c.heads * c.head_width;
    linear_ = RandomRows({c.samples, c.tokens, width_}, c.layout, 1);
    // A common part, as biases make it: centring has something to do.
    linear_.add_(RandomTensor({1, 1, width_}, 2).to(kGpu, at::kBFloat16));
    weight_ = RandomTensor({width_}, 3).to(kGpu);
    rope_ = RopeTable({1, 1, c.tokens}, c.head_width, kGpu);
    head_sizes_ = {c.samples, c.tokens, c.heads, c.head_width};
  }

  [[nodiscard]] QkNormOptions Options(bool centre) const {
    return {.heads = GetParam().heads, .eps = kEps, .centre = centre};
  }

  [[nodiscard]] Exact ExactForward(const at::Tensor& rope, bool centre) const {
    const at::Tensor wide = linear_.to(at::kDouble);
    const at::Tensor rstd = (wide.square().mean(-1, true) + kEps).rsqrt();
    const at::Tensor normed =
        (wide * rstd * weight_.to(at::kDouble)).view(head_sizes_);
    at::Tensor value = Rotate(normed, rope);
    at::Tensor error = RotatedMagnitude(normed, rope) * (kRowUnits * kUnit);
    if (centre) {
      error = error + TokenMean(error) +
              TokenMean(value.abs()) * (kTokenUnits * kUnit);
      value = value - TokenMean(value);
      error = error + value.abs() * kUnit;
    }
    return {value, error};
  }

  [[nodiscard]] Exact ExactBackward(const at::Tensor& dheads,
                                    const at::Tensor& rope,
                                    const at::Tensor& given_rstd,
                                    bool centre) const {
    at::Tensor d = dheads.to(at::kDouble);
    at::Tensor magnitude = d.abs() * kRowUnits;
    if (centre) {
      magnitude = magnitude + TokenMean(d.abs()) * kTokenUnits;
      d = d - TokenMean(d);
    }
    const at::Tensor back = rope.defined() ? rope.conj().resolve_conj() : rope;
    const at::Tensor weight = weight_.to(at::kDouble);
    const at::Tensor rstd = given_rstd.to(at::kDouble);
    const at::Tensor g = Rotate(d, back).reshape(linear_.sizes()) * weight;
    const at::Tensor g_magnitude =
        RotatedMagnitude(magnitude, back).reshape(linear_.sizes()) *
        weight.abs();
    const at::Tensor n = linear_.to(at::kDouble) * rstd;
    return {(g - n * (g * n).mean(-1, true)) * rstd,
            (g_magnitude + n.abs() * MeanMagnitude(g_magnitude * n)) * rstd *
                kUnit};
  }

  int64_t width_ = 0;
  at::Tensor linear_, weight_, rope_;
  std::vector<int64_t> head_sizes_;
};

TEST_P(FusedQkNormTest, Forward) {
  ASSERT_TRUE(fused::TakesRows({linear_}, width_));
  for (const at::Tensor& rope : {rope_, at::Tensor()}) {
    for (bool centre : {false, true}) {
      SCOPED_TRACE(absl::StrCat("rope ", rope.defined(), " centre ", centre));
      QkNormStats stats;
      const at::Tensor heads =
          QkNorm(linear_, weight_, rope, Options(centre), &stats);
      const at::Tensor& rstd = stats.rstd;
      EXPECT_TRUE(heads.is_contiguous());
      ASSERT_EQ(heads.sizes(), head_sizes_);
      ExpectRoundedOnce(heads, ExactForward(rope, centre));
      const at::Tensor exact_rstd =
          (linear_.to(at::kDouble).square().mean(-1, true) + kEps).rsqrt();
      ASSERT_EQ(rstd.sizes(), exact_rstd.sizes());
      EXPECT_TRUE((rstd.to(at::kDouble) / exact_rstd - 1.0)
                      .abs()
                      .le(kRowUnits * kUnit)
                      .all()
                      .item<bool>());
      QkNormStats unused;
      EXPECT_TRUE(heads.equal(
          QkNorm(linear_, weight_, rope, Options(centre), &unused)));
      for (int64_t first : {int64_t{0}, GetParam().heads / 2}) {
        const int64_t count = GetParam().heads - first;
        EXPECT_TRUE(QkNormHeads(linear_, weight_, rope, Options(centre), stats,
                                first, count)
                        .equal(heads.narrow(2, first, count)));
      }
    }
  }
}

TEST_P(FusedQkNormTest, Backward) {
  const Case& c = GetParam();
  QkNormStats stats;
  QkNorm(linear_, weight_, rope_, Options(false), &stats);
  const at::Tensor& rstd = stats.rstd;
  const at::Tensor dense = RandomRows(head_sizes_, {}, 4);
  const at::Tensor heads_first =
      RandomRows({c.samples, c.heads, c.tokens, c.head_width}, c.layout, 5)
          .transpose(1, 2);
  for (const at::Tensor& dheads : {dense, heads_first}) {
    for (const at::Tensor& rope : {rope_, at::Tensor()}) {
      for (bool centre : {false, true}) {
        SCOPED_TRACE(absl::StrCat("dense ", dheads.is_contiguous(), " rope ",
                                  rope.defined(), " centre ", centre));
        const at::Tensor dx = QkNormBackward(dheads, linear_, weight_, rope,
                                             rstd, Options(centre));
        ExpectRoundedOnce(dx, ExactBackward(dheads, rope, rstd, centre));
        const Target target =
            MakeTarget({c.samples, c.tokens, width_}, c.layout);
        ExpectInPlace(QkNormBackward(dheads, linear_, weight_, rope, rstd,
                                     Options(centre), target.rows),
                      target);
        EXPECT_TRUE(target.rows.equal(dx));
        // In place.
        target.rows.copy_(dheads.flatten(2));
        QkNormBackward(target.rows.unflatten(2, {c.heads, c.head_width}),
                       linear_, weight_, rope, rstd, Options(centre),
                       target.rows);
        EXPECT_TRUE(target.rows.equal(dx));
      }
    }
  }
}

TEST_P(FusedQkNormTest, RefusesWhatDoesNotFit) {
  QkNormStats stats;
  QkNormOptions odd = Options(false);
  odd.heads = width_;  // heads of one channel
  EXPECT_THROW(QkNorm(linear_, weight_, {}, odd, &stats), c10::Error);
  const at::Tensor longer =
      RopeTable({1, 1, GetParam().tokens + 1}, GetParam().head_width, kGpu);
  EXPECT_THROW(QkNorm(linear_, weight_, longer, Options(false), &stats),
               c10::Error);
  EXPECT_THROW(QkNorm(linear_, weight_.cpu(), rope_, Options(false), &stats),
               c10::Error);
}

INSTANTIATE_TEST_SUITE_P(OddSizes, FusedQkNormTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& tested) {
                           const Case& c = tested.param;
                           return absl::StrCat("B", c.samples, "L", c.tokens,
                                               "H", c.heads, "x", c.head_width,
                                               "pad", c.layout.padding);
                         });

}  // namespace
}  // namespace halfpipe
