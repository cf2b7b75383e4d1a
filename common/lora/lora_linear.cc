#include "common/lora/lora_linear.h"

#include <ATen/ops/matmul.h>

#include <utility>

namespace halfpipe {
namespace {

// y += scale * u m, over rows and in place: one rounding of the sum, and no
// second tensor of y's size. y is contiguous.
void AddProduct(at::Tensor& y, const at::Tensor& u, const at::Tensor& m,
                double scale) {
  y.view({-1, y.size(-1)})
      .addmm_(u.view({-1, u.size(-1)}), m, /*beta=*/1.0, /*alpha=*/scale);
}

}  // namespace

LoraLinear::LoraLinear(LinearWeights base, std::unique_ptr<LoraAdapter> adapter)
    : base_(std::move(base)), adapter_(std::move(adapter)) {}

at::Tensor LoraLinear::Forward(const at::Tensor& x,
                               at::Tensor* projected) const {
  at::Tensor y = Linear(x, base_);
  if (adapter_ == nullptr) return y;
  *projected = at::matmul(x, adapter_->a.compute.t());
  AddProduct(y, *projected, adapter_->b.compute.t(), adapter_->scale);
  return y;
}

at::Tensor LoraLinear::Backward(const at::Tensor& dy, const at::Tensor& x,
                                const at::Tensor& projected, bool need_dx) {
  at::Tensor dx;
  if (need_dx) dx = LinearBackward(dy, base_);
  if (adapter_ == nullptr) return dx;
  // The scale enters once: here for dA and dx, below for dB.
  at::Tensor dprojected =
      at::matmul(dy, adapter_->b.compute).mul_(adapter_->scale);
  adapter_->b.grad.add_(RowOuterProduct(dy, projected), adapter_->scale);
  adapter_->a.grad.add_(RowOuterProduct(dprojected, x));
  if (need_dx) AddProduct(dx, dprojected, adapter_->a.compute, 1.0);
  return dx;
}

}  // namespace halfpipe
