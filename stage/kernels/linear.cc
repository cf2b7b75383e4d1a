#include "stage/kernels/linear.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <vector>

namespace halfpipe {
namespace {

// Of a weight, at a time.
constexpr int64_t kWideElements = int64_t{16} << 20;

at::Tensor Rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

}  // namespace

at::Tensor Linear(const at::Tensor& x, const LinearWeights& weights) {
  const at::Tensor& weight = weights.weight;
  if (weight.scalar_type() == x.scalar_type()) {
    return at::linear(x, weight, weights.bias);
  }
  const int64_t rows = std::max<int64_t>(1, kWideElements / weight.size(1));
  std::vector<at::Tensor> parts;
  for (int64_t row = 0; row < weight.size(0); row += rows) {
    const int64_t count = std::min(rows, weight.size(0) - row);
    parts.push_back(at::linear(x,
                               weight.narrow(0, row, count).to(x.scalar_type()),
                               weights.bias.narrow(0, row, count)));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, -1);
}

at::Tensor LinearBackward(const at::Tensor& dy, const LinearWeights& weights) {
  return at::matmul(dy, weights.weight.to(dy.scalar_type()));
}

at::Tensor RowOuterProduct(const at::Tensor& left, const at::Tensor& right) {
  at::Tensor a = Rows(left).t();
  at::Tensor b = Rows(right);
  if (a.is_cuda() && a.scalar_type() == at::kBFloat16) {
    // cuBLAS accumulates in float32 anyway: keep what it has.
    return at::mm(a, b, at::kFloat);
  }
  return at::mm(a, b).to(at::kFloat);
}

}  // namespace halfpipe
