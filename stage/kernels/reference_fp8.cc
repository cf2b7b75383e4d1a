#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>

#include "stage/kernels/reference.h"

namespace halfpipe::reference {
namespace {

constexpr double kLargestE4m3 = 448.0;

}  // namespace

Fp8Matrix QuantiseRows(const at::Tensor& x, const at::Tensor& column_factors) {
  at::Tensor wide = x.to(at::kFloat);
  if (column_factors.defined()) wide = wide * column_factors;
  const at::Tensor largest = wide.abs().amax(-1);
  const at::Tensor scales =
      at::where(largest == 0, at::ones_like(largest), largest / kLargestE4m3);
  const at::Tensor values =
      (wide / scales.unsqueeze(-1)).to(at::kFloat8_e4m3fn);
  return {values.contiguous(), scales};
}

void Dequantise(const Fp8Matrix& matrix, const at::Tensor& out) {
  out.copy_(matrix.values.to(at::kFloat).mul_(matrix.scales.unsqueeze(-1)));
}

at::Tensor Fp8Product(const Fp8Matrix& left, const Fp8Matrix& right,
                      const at::Tensor& bias, at::ScalarType dtype) {
  at::Tensor y =
      at::matmul(left.values.to(at::kFloat), right.values.to(at::kFloat).t())
          .mul_(left.scales.unsqueeze(-1))
          .mul_(right.scales);
  if (bias.defined()) y.add_(bias);
  return y.to(dtype);
}

}  // namespace halfpipe::reference
