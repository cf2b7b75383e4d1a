#include "stage/kernels/cuda/qk_norm.h"
#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {
namespace {

// A block has kWarp channels and as many threads a channel; each adds up every
// 32nd chunk.
__global__ void __launch_bounds__(kWarp* kMaxWarps)
    TokenMeanKernel(const float* sums, int chunks, int width,
                    float inverse_tokens, float* mean) {
  __shared__ float scratch[kMaxWarps][kWarp + 1];
  const int lane = static_cast<int>(threadIdx.x);
  const int part = static_cast<int>(threadIdx.y);
  const int channel = static_cast<int>(blockIdx.x) * kWarp + lane;
  const int64_t sample = blockIdx.y;
  float sum = 0.0f;
  if (channel < width) {
    for (int chunk = part; chunk < chunks; chunk += kMaxWarps) {
      sum += sums[(sample * chunks + chunk) * width + channel];
    }
  }
  scratch[part][lane] = sum;
  __syncthreads();
  if (part != 0 || channel >= width) return;
  sum = 0.0f;
  for (int p = 0; p < kMaxWarps; ++p) sum += scratch[p][lane];
  mean[sample * width + channel] = sum * inverse_tokens;
}

}  // namespace

cudaError_t LaunchTokenMean(const float* sums, int64_t samples, int chunks,
                            int width, int64_t tokens, float* mean,
                            cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((width + kWarp - 1) / kWarp),
                  static_cast<unsigned>(samples));
  TokenMeanKernel<<<grid, dim3(kWarp, kMaxWarps), 0, stream>>>(
      sums, chunks, width, 1.0f / static_cast<float>(tokens), mean);
  return cudaGetLastError();
}

}  // namespace halfpipe
