// RMSNorm over whole rows, rotary embedding and, for keys, centring over the
// tokens. Contract: rows.h. A sample's rows are its tokens; B samples of L
// tokens are B * L rows.
//
// Centring needs each channel's mean over the tokens first, in two stages
// without atomics, so that the sum has one order: *Sums gives each chunk of
// tokens its own row of partial sums, LaunchTokenMean adds the rows up.
#ifndef HP_STAGE_KERNELS_CUDA_QK_NORM_H_
#define HP_STAGE_KERNELS_CUDA_QK_NORM_H_

#include <cuda_runtime_api.h>

#include "stage/kernels/cuda/rows.h"

namespace halfpipe {

struct QkNormArgs {
  int64_t samples = 0;  // B, up to 65535
  int64_t tokens = 0;   // L
  int width = 0;        // D, up to kMaxRowWidth
  int head_width = 0;   // even, divides D
  float eps = 0;
  Bf16Rows linear;                // (B * L, D)
  const float* weight = nullptr;  // (D)
  // (L, head_width): cosine and sine of each pair; nullptr: no rotation.
  const float* rope = nullptr;
  float* rstd = nullptr;  // (B * L)
  // Whether `rstd` is there already: of rows that these may be a part of.
  bool known_rstd = false;
  // (B, D), subtracted after the rotation; nullptr: not centred. Only with
  // known_rstd.
  const float* mean = nullptr;
  uint16_t* heads = nullptr;  // (B * L, D), written
};

// Writes `heads`, and `rstd` unless it is known.
cudaError_t LaunchQkNorm(const QkNormArgs& args, cudaStream_t stream);

// How many chunks the two functions below should divide the tokens into: as
// many as the current device runs at once.
int QkNormChunks(const QkNormArgs& args);

// Writes `rstd` and the sums of the rotated rows of each chunk: (B, chunks, D).
// `heads` and `mean` are not used.
cudaError_t LaunchQkNormSums(const QkNormArgs& args, int chunks, float* sums,
                             cudaStream_t stream);

// mean (B, D) of `sums` (B, chunks, D), which are of `tokens` rows a sample.
cudaError_t LaunchTokenMean(const float* sums, int64_t samples, int chunks,
                            int width, int64_t tokens, float* mean,
                            cudaStream_t stream);

// A (B, L, H, head_width) gradient with unit stride inside a head.
struct HeadGradient {
  const uint16_t* data = nullptr;
  int64_t sample_stride = 0;
  int64_t token_stride = 0;
  int64_t head_stride = 0;
};

struct QkNormBackwardArgs {
  int64_t samples = 0;
  int64_t tokens = 0;
  int width = 0;
  int head_width = 0;
  HeadGradient dheads;
  Bf16Rows linear;
  const float* weight = nullptr;
  const float* rope = nullptr;
  const float* rstd = nullptr;
  const float* mean = nullptr;  // of dheads over the tokens, or nullptr
  MutableBf16Rows dlinear;
};

cudaError_t LaunchQkNormBackward(const QkNormBackwardArgs& args,
                                 cudaStream_t stream);

// As QkNormChunks and LaunchQkNormSums, of args.dheads as it is.
int HeadGradientChunks(const QkNormBackwardArgs& args);
cudaError_t LaunchHeadGradientSums(const QkNormBackwardArgs& args, int chunks,
                                   float* sums, cudaStream_t stream);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_QK_NORM_H_
