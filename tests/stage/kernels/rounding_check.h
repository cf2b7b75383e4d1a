// Compares bfloat16 results of float32 kernels with float64 formulas.
#ifndef HP_TESTS_STAGE_KERNELS_ROUNDING_CHECK_H_
#define HP_TESTS_STAGE_KERNELS_ROUNDING_CHECK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace halfpipe {

// Float32's unit roundoff.
inline constexpr double kUnit = 5.9604644775390625e-8;  // 2^-24

// The error bounds of the tests count roundings: a sum over a row is, in every
// kernel, a chain of at most 32 + 5 + 32 additions (a thread's elements, its
// warp, the block's warps) and so within 69 units of the sum of magnitudes.
// With the two or three operations on each side of it:
inline constexpr double kRowUnits = 80;

// A float64 result and how far float32 arithmetic may take it off.
struct Exact {
  at::Tensor value;
  at::Tensor error;
};

// Expects that `result` is the rounding of some number within exact.error of
// exact.value. Rounding is monotonic, so it lies between the roundings of both
// ends: half a unit in the last place from the exact value, plus exact.error; a
// second rounding on the way fails.
void ExpectRoundedOnce(const at::Tensor& result, const Exact& exact);

// Normal bfloat16 numbers of `shape` on the GPU. padding > 0: rows of a wider
// tensor, from its column `offset` on.
struct RowLayout {
  int64_t padding = 0;
  int64_t offset = 0;
};

at::Tensor RandomRows(const std::vector<int64_t>& shape, RowLayout layout,
                      uint64_t seed);

// A target for `out` within a wider tensor, filled with kUntouched.
inline constexpr double kUntouched = 7.0;

struct Target {
  at::Tensor whole, rows;
};

Target MakeTarget(const std::vector<int64_t>& shape, RowLayout layout);
// Expects that `result` is target.rows and the columns beside it are untouched.
void ExpectInPlace(const at::Tensor& result, const Target& target);

// (B, G, D) as (B, L, D) float64.
at::Tensor ByToken(const at::Tensor& modulation, int64_t tokens);

// The mean of magnitudes over the last axis, kept.
at::Tensor MeanMagnitude(const at::Tensor& x);

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_KERNELS_ROUNDING_CHECK_H_
