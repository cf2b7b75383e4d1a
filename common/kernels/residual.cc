#include "common/kernels/residual.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>

#include "common/kernels/norm.h"

namespace halfpipe {

at::Tensor GatedResidual(const at::Tensor& x, const at::Tensor& gate,
                         const at::Tensor& y) {
  const int64_t groups = gate.size(1);
  at::Tensor sum = GroupTokens(y.to(at::kFloat), groups) * gate.unsqueeze(2);
  sum.add_(GroupTokens(x, groups));
  return sum.view(x.sizes()).to(x.scalar_type());
}

at::Tensor GatedResidualBackward(const at::Tensor& d, const at::Tensor& gate) {
  at::Tensor dy =
      GroupTokens(d.to(at::kFloat), gate.size(1)) * gate.unsqueeze(2);
  return dy.view(d.sizes()).to(d.scalar_type());
}

at::Tensor GeluTanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

at::Tensor GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x) {
  return at::gelu_backward(dy, x, "tanh");
}

}  // namespace halfpipe
