// Tensors as the equally spaced rows that the CUDA kernels take.
#ifndef HP_STAGE_KERNELS_TENSOR_ROWS_H_
#define HP_STAGE_KERNELS_TENSOR_ROWS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "stage/kernels/cuda/rows.h"

namespace halfpipe {

// The distance in elements between the rows (the last axis) of `x`, if they are
// equally spaced in the order of the other axes and have unit stride inside;
// axes of size 1 do not count. 0 for a single row.
[[nodiscard]] std::optional<int64_t> RowStride(const at::Tensor& x);

// `x` itself if RowStride exists, else a contiguous copy. On a stream-ordered
// allocator the copy may be dropped as soon as the kernel is enqueued.
[[nodiscard]] at::Tensor WithRows(const at::Tensor& x);

// The tensor that a kernel writes: `out` after a check of its shape, type,
// device and rows, or a new contiguous one if it is undefined.
[[nodiscard]] at::Tensor ResultRows(const at::Tensor& out,
                                    at::IntArrayRef sizes,
                                    const at::Tensor& like);

// Views of tensors that have a RowStride. The first two: bfloat16; the last:
// float32. An undefined tensor gives data == nullptr.
[[nodiscard]] Bf16Rows ReadRows(const at::Tensor& x);
[[nodiscard]] MutableBf16Rows WriteRows(const at::Tensor& x);
[[nodiscard]] FloatRows ReadFloatRows(const at::Tensor& x);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_TENSOR_ROWS_H_
