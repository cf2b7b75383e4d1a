// Compares hand-written gradients with finite differences of the forward, in
// the direction of random tensors.
#ifndef HP_TESTS_STAGE_KERNELS_GRADIENT_CHECK_H_
#define HP_TESTS_STAGE_KERNELS_GRADIENT_CHECK_H_

#include <ATen/core/Tensor.h>

#include <functional>

namespace halfpipe {

// Normal float32 numbers, the same for the same seed.
at::Tensor RandomTensor(const std::vector<int64_t>& shape, uint64_t seed);

// Expects that `gradient` is d sum(forward(x) * cotangent) / dx: along several
// random unit directions the central difference must agree within `tolerance`
// relative to the gradient's norm.
void ExpectGradient(const std::function<at::Tensor(const at::Tensor&)>& forward,
                    const at::Tensor& x, const at::Tensor& cotangent,
                    const at::Tensor& gradient, double tolerance = 1e-3);

// Expects ||a - b|| <= tolerance * ||b||.
void ExpectClose(const at::Tensor& a, const at::Tensor& b, double tolerance);

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_KERNELS_GRADIENT_CHECK_H_
