// LayerNorm with a multiplier and an addend for each channel, which may differ
// between groups of rows, in one pass over the rows. Contract: rows.h.
#ifndef HP_STAGE_KERNELS_CUDA_LAYER_NORM_H_
#define HP_STAGE_KERNELS_CUDA_LAYER_NORM_H_

#include <cuda_runtime_api.h>

#include "stage/kernels/cuda/rows.h"

namespace halfpipe {

// y = (x - mean) * rstd * (offset + scale) + shift. Row r uses the row
// r / rows_per_group of scale and shift.
struct LayerNormArgs {
  int64_t rows = 0;
  int width = 0;  // up to kMaxRowWidth
  int64_t rows_per_group = 0;
  float offset = 0;  // 1 for modulation, 0 for plain weights
  float eps = 0;
  Bf16Rows x;
  FloatRows scale, shift;
  MutableBf16Rows y;
  float* mean = nullptr;  // (rows), written
  float* rstd = nullptr;  // (rows), written
};

cudaError_t LaunchLayerNorm(const LayerNormArgs& args, cudaStream_t stream);

// dx = residual + the gradient of x that dy gives. residual.data == nullptr:
// without it.
struct LayerNormBackwardArgs {
  int64_t rows = 0;
  int width = 0;
  int64_t rows_per_group = 0;
  float offset = 0;
  Bf16Rows dy, x, residual;
  FloatRows scale;
  const float* mean = nullptr;
  const float* rstd = nullptr;
  MutableBf16Rows dx;
};

cudaError_t LaunchLayerNormBackward(const LayerNormBackwardArgs& args,
                                    cudaStream_t stream);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_LAYER_NORM_H_
