// Views through which the launch functions of this folder take tensors. They
// see neither torch nor the CUDA headers, so that nvcc compiles the kernels
// without torch's.
//
// Common contract of all launch functions: they enqueue on `stream`, whose
// device must be the current one, return the launch's error and wait for
// nothing. All pointers are device pointers that stay valid until the stream
// has passed. bfloat16 travels as its 16 bits. `rows` is below 2^31 and, as
// `width`, above 0. Arithmetic is float32 and each result is rounded once.
// Results are bit-equal from run to run on one kind of device.
#ifndef HP_STAGE_KERNELS_CUDA_ROWS_H_
#define HP_STAGE_KERNELS_CUDA_ROWS_H_

#include <cstdint>

namespace halfpipe {

// The widest row that one block of threads holds in registers.
constexpr int kMaxRowWidth = 8192;

// Equally spaced rows of elements with unit stride inside a row; `stride` is
// from row to row, in elements.
struct Bf16Rows {
  const uint16_t* data = nullptr;
  int64_t stride = 0;
};

struct MutableBf16Rows {
  uint16_t* data = nullptr;
  int64_t stride = 0;
};

struct FloatRows {
  const float* data = nullptr;
  int64_t stride = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_ROWS_H_
