// Frozen linear layers: y = x W^T + b, and the gradient of x. See norm.h for
// the common contract.
#ifndef HP_STAGE_KERNELS_LINEAR_H_
#define HP_STAGE_KERNELS_LINEAR_H_

#include <ATen/core/Tensor.h>

namespace halfpipe {

// A frozen weight and its bias, on one device.
struct LinearWeights {
  at::Tensor weight;  // (out, in)
  at::Tensor bias;    // (out)
};

// x: (..., in); result (..., out) in x's dtype. A weight in a narrower dtype is
// widened on the way, a few rows at a time; the bias is in x's dtype.
at::Tensor Linear(const at::Tensor& x, const LinearWeights& weights);
// dy: (..., out); result (..., in).
at::Tensor LinearBackward(const at::Tensor& dy, const LinearWeights& weights);

// left^T right over all rows, as float32: left (..., m), right (..., n), result
// (m, n). The weight gradient of a linear layer.
at::Tensor RowOuterProduct(const at::Tensor& left, const at::Tensor& right);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_LINEAR_H_
