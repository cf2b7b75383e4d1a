// Matrices in 8 bits: e4m3 values with one float32 scale a row, and their
// products. See norm.h for the common contract. The largest magnitude of a row
// becomes 448, e4m3's largest number; rounding is to nearest even, which leaves
// an error of at most 1/16 of a value and 1/2^19 of the row's largest one.
#ifndef HP_STAGE_KERNELS_FP8_H_
#define HP_STAGE_KERNELS_FP8_H_

#include <ATen/core/Tensor.h>

namespace halfpipe {

struct Fp8Matrix {
  at::Tensor values;  // (rows, columns) float8_e4m3fn, contiguous
  at::Tensor scales;  // (rows) float32

  [[nodiscard]] bool defined() const { return values.defined(); }
};

// Whether `device` multiplies e4m3 matrices (CUDA capability 8.9, 9.0 and
// later); elsewhere, and for sizes that the library has no kernel for,
// Fp8Product computes the same function slowly, in float32.
[[nodiscard]] bool HasFp8Products(const at::Device& device);

// x (rows, columns), each column times `column_factors` (columns) float32 if
// they are defined. A row of zeros has scale 1; a row that is not finite stays
// not finite.
[[nodiscard]] Fp8Matrix QuantiseRows(const at::Tensor& x,
                                     const at::Tensor& column_factors = {});

// values * scales into `out`, (rows, columns) of a float type, which may be
// columns of a wider matrix.
void Dequantise(const Fp8Matrix& matrix, const at::Tensor& out);

// `values` (rows, columns) of 8 bits, transposed into `out` (columns, rows),
// contiguous both.
void TransposeBytes(const at::Tensor& values, const at::Tensor& out);

// left right^T + bias in `dtype`: left (m, k), right (n, k), bias (n) or
// undefined. Accumulates in float32, on Hopper with its fast accumulation:
// partial sums keep about 14 bits.
[[nodiscard]] at::Tensor Fp8Product(const Fp8Matrix& left,
                                    const Fp8Matrix& right,
                                    const at::Tensor& bias,
                                    at::ScalarType dtype);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_FP8_H_
