#include "common/lora/lora_linear.h"

#include <ATen/ops/matmul.h>

#include <utility>

namespace halfpipe {

LoraLinear::LoraLinear(LinearWeights base, std::unique_ptr<LoraAdapter> adapter)
    : base_(std::move(base)), adapter_(std::move(adapter)) {}

at::Tensor LoraLinear::Forward(const at::Tensor& x,
                               at::Tensor* projected) const {
  at::Tensor y = Linear(x, base_);
  if (adapter_ == nullptr) return y;
  *projected = at::matmul(x, adapter_->a.compute.t());
  at::Tensor added = at::matmul(*projected, adapter_->b.compute.t());
  return y.add_(added, adapter_->scale);
}

at::Tensor LoraLinear::Backward(const at::Tensor& dy, const at::Tensor& x,
                                const at::Tensor& projected, bool need_dx) {
  at::Tensor dx;
  if (need_dx) dx = LinearBackward(dy, base_);
  if (adapter_ == nullptr) return dx;
  at::Tensor dprojected =
      at::matmul(dy, adapter_->b.compute).mul_(adapter_->scale);
  adapter_->b.grad.add_(RowOuterProduct(dy, projected), adapter_->scale);
  adapter_->a.grad.add_(RowOuterProduct(dprojected, x));
  if (need_dx) dx.add_(at::matmul(dprojected, adapter_->a.compute));
  return dx;
}

}  // namespace halfpipe
