// The fp8 kernels against plain ATen, bit for bit, over odd sizes and layouts.
// Skipped without a CUDA device.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/fp8.h"
#include "stage/kernels/gradient_check.h"
#include "stage/kernels/reference.h"
#include "stage/kernels/rounding_check.h"

namespace halfpipe {
namespace {

struct Case {
  int64_t rows, width;
  RowLayout layout;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (int64_t rows : {1, 3, 64, 257}) {
    for (int64_t width : {1, 8, 24, 100, 102, 1536, 5120, 13824, 16384}) {
      for (RowLayout layout : {RowLayout{0, 0}, {96, 0}, {3, 1}}) {
        cases.push_back({rows, width, layout});
      }
    }
  }
  return cases;
}

class Fp8GpuTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
  }

  [[nodiscard]] at::Tensor Input(uint64_t seed) const {
    return RandomRows({GetParam().rows, GetParam().width}, GetParam().layout,
                      seed);
  }
};

bool SameBytes(const at::Tensor& a, const at::Tensor& b) {
  return a.cpu().view(at::kByte).equal(b.cpu().view(at::kByte));
}

TEST_P(Fp8GpuTest, QuantisesAsTheReferenceDoes) {
  const at::Tensor x = Input(1);
  const at::Tensor factors =
      RandomTensor({GetParam().width}, 2).abs().to(x.device()) + 0.5;
  for (const at::Tensor& columns : {at::Tensor(), factors}) {
    const Fp8Matrix fused = QuantiseRows(x, columns);
    const Fp8Matrix plain = reference::QuantiseRows(
        x.cpu(), columns.defined() ? columns.cpu() : columns);
    EXPECT_TRUE(SameBytes(fused.values, plain.values));
    EXPECT_TRUE(fused.scales.cpu().equal(plain.scales));
  }
}

TEST_P(Fp8GpuTest, DequantisesAsTheReferenceDoes) {
  const Fp8Matrix matrix = QuantiseRows(Input(3));
  at::Tensor out = Input(4).fill_(std::nan(""));
  Dequantise(matrix, out);
  at::Tensor expected = at::empty(out.sizes(), at::kBFloat16);
  reference::Dequantise({matrix.values.cpu(), matrix.scales.cpu()}, expected);
  EXPECT_TRUE(out.cpu().equal(expected));
}

TEST_P(Fp8GpuTest, Transposes) {
  const at::Tensor values = QuantiseRows(Input(5)).values;
  at::Tensor out =
      at::empty({values.size(1), values.size(0)}, values.options());
  TransposeBytes(values, out);
  EXPECT_TRUE(SameBytes(out, values.view(at::kByte).t().contiguous()));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Fp8GpuTest, testing::ValuesIn(Cases()),
                         [](const auto& test) {
                           const Case& c = test.param;
                           return absl::StrCat("R", c.rows, "W", c.width, "Pad",
                                               c.layout.padding);
                         });

class Fp8GpuProductTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
    if (!HasFp8Products(device_)) GTEST_SKIP() << "no fp8 products here";
  }

  const at::Device device_ = at::Device(at::kCUDA, 0);
};

TEST_F(Fp8GpuProductTest, AgreesWithTheReference) {
  for (int64_t rows : {1, 17, 500}) {
    for (int64_t width : {64, 5120, 13824}) {
      const Fp8Matrix left = QuantiseRows(RandomRows({rows, width}, {0, 0}, 1));
      const Fp8Matrix right = QuantiseRows(RandomRows({96, width}, {0, 0}, 2));
      const at::Tensor bias = RandomRows({1, 96}, {0, 0}, 3).view({-1});
      const at::Tensor y = Fp8Product(left, right, bias, at::kBFloat16);
      const at::Tensor expected =
          reference::Fp8Product(left, right, bias, at::kFloat);
      const double error =
          ((y - expected).norm() / expected.norm()).item<double>();
      // Rounding to bf16 alone: 1.7e-3.
      EXPECT_LT(error, 3e-3) << rows << " x " << width;
    }
  }
}

TEST_F(Fp8GpuProductTest, WhatIsNotFiniteStaysNotFinite) {
  at::Tensor x =
      at::ones({2, 64}, at::TensorOptions(device_).dtype(at::kBFloat16));
  x[0][5] = std::numeric_limits<float>::infinity();
  x[1][5] = std::nan("");
  const Fp8Matrix w = QuantiseRows(at::ones_like(x));
  const at::Tensor y =
      Fp8Product(QuantiseRows(x), QuantiseRows(at::ones({16, 64}, x.options())),
                 /*bias=*/{}, at::kBFloat16);
  EXPECT_FALSE(y.isfinite().any().item<bool>());
}

}  // namespace
}  // namespace halfpipe
