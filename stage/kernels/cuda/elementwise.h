// What stands between the matrix products: gated residual and GELU. Contract:
// rows.h; any width. A result may be the memory of an input of the same rows.
#ifndef HP_STAGE_KERNELS_CUDA_ELEMENTWISE_H_
#define HP_STAGE_KERNELS_CUDA_ELEMENTWISE_H_

#include <cuda_runtime_api.h>

#include "stage/kernels/cuda/rows.h"

namespace halfpipe {

// out = x + gate * y; x.data == nullptr: gate * y. Row r uses the row
// r / rows_per_group of gate.
struct GateArgs {
  int64_t rows = 0;
  int64_t width = 0;
  int64_t rows_per_group = 0;
  Bf16Rows x, y;
  FloatRows gate;
  MutableBf16Rows out;
};

cudaError_t LaunchGate(const GateArgs& args, cudaStream_t stream);

// activated = gelu(x) in the tanh form; with `dy`, dx = dy * gelu'(x) as well.
struct GeluArgs {
  int64_t rows = 0;
  int64_t width = 0;
  Bf16Rows x;
  Bf16Rows dy;  // data == nullptr: forward only
  MutableBf16Rows activated;
  MutableBf16Rows dx;
};

cudaError_t LaunchGelu(const GeluArgs& args, cudaStream_t stream);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_ELEMENTWISE_H_
