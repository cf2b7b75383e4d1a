#include "common/kernels/linear.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>

namespace halfpipe {
namespace {

at::Tensor Rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

}  // namespace

at::Tensor Linear(const at::Tensor& x, const LinearWeights& weights) {
  return at::linear(x, weights.weight, weights.bias);
}

at::Tensor LinearBackward(const at::Tensor& dy, const LinearWeights& weights) {
  return at::matmul(dy, weights.weight);
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
