// A frozen linear layer with an optional LoRA adapter on it, forward and
// backward. Runs inside a TorchGuard; not thread-safe (Backward accumulates).
#ifndef HP_COMMON_LORA_LORA_LINEAR_H_
#define HP_COMMON_LORA_LORA_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "common/kernels/linear.h"
#include "common/lora/lora_adapter.h"

namespace halfpipe {

class LoraLinear {
 public:
  LoraLinear() = default;
  // `adapter` may be null: then the layer is only frozen.
  LoraLinear(LinearWeights base, std::unique_ptr<LoraAdapter> adapter);

  // base(x) + scale * B(A(x)). x: (..., in), result (..., out). *projected
  // becomes A(x) (..., rank), which Backward needs; undefined without adapter.
  at::Tensor Forward(const at::Tensor& x, at::Tensor* projected) const;

  // Adds this micro-batch's dA and dB into the adapter's accumulators and
  // returns dx, or an undefined tensor when `need_dx` is false. `x` and
  // `projected` are those of the forward. REQUIRES: the adapter's compute
  // copies have not changed since.
  at::Tensor Backward(const at::Tensor& dy, const at::Tensor& x,
                      const at::Tensor& projected, bool need_dx);

  // Null if this layer is not a target. Owned by the layer.
  [[nodiscard]] LoraAdapter* adapter() const { return adapter_.get(); }

 private:
  LinearWeights base_;
  std::unique_ptr<LoraAdapter> adapter_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_LORA_LORA_LINEAR_H_
