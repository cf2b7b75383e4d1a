// Rows in 8 bits: e4m3 values with one float32 scale a row. Contract: rows.h.
#ifndef HP_STAGE_KERNELS_CUDA_FP8_H_
#define HP_STAGE_KERNELS_CUDA_FP8_H_

#include <cuda_runtime_api.h>

#include "stage/kernels/cuda/rows.h"

namespace halfpipe {

// The widest row that LaunchQuantise holds in registers.
constexpr int kMaxQuantisedWidth = 16384;

// Row r of x, element-wise times `columns` (null: 1), becomes values *
// scales[r] with the largest magnitude at e4m3's largest number. A row of zeros
// has scale 1; a row that is not finite stays not finite.
struct QuantiseArgs {
  int64_t rows = 0;
  int64_t width = 0;  // <= kMaxQuantisedWidth
  Bf16Rows x;
  const float* columns = nullptr;  // (width)
  uint8_t* values = nullptr;       // (rows, width)
  float* scales = nullptr;         // (rows)
};

cudaError_t LaunchQuantise(const QuantiseArgs& args, cudaStream_t stream);

// out = values * scale of the row.
struct DequantiseArgs {
  int64_t rows = 0;
  int64_t width = 0;
  const uint8_t* values = nullptr;  // (rows, width)
  const float* scales = nullptr;    // (rows)
  MutableBf16Rows out;
};

cudaError_t LaunchDequantise(const DequantiseArgs& args, cudaStream_t stream);

// out[c][r] = in[r][c], bytes, both in one piece.
struct TransposeArgs {
  int64_t rows = 0;
  int64_t columns = 0;
  const uint8_t* in = nullptr;
  uint8_t* out = nullptr;
};

cudaError_t LaunchTranspose(const TransposeArgs& args, cudaStream_t stream);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_FP8_H_
