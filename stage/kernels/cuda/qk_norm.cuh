// What the forward and the backward of qk_norm.h share on the device.
#ifndef HP_STAGE_KERNELS_CUDA_QK_NORM_CUH_
#define HP_STAGE_KERNELS_CUDA_QK_NORM_CUH_

#include <cstdint>

#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {

// The rotations of a thread's vectors. Where the block is a multiple of a head,
// as at the published sizes, all of them are the same and loaded once.
template <typename Shape>
class Rotation {
 public:
  // rope: (L, head_width) or nullptr.
  __device__ Rotation(const float* rope, int64_t token, int head_width)
      : row_(rope == nullptr ? nullptr : rope + token * head_width),
        head_width_(static_cast<unsigned>(head_width)),
        repeats_(blockDim.x * Shape::kVector % head_width_ == 0) {}

  // Rotates the k-th vector in place; call with k = 0, 1, ... kSign is 1, or -1
  // for the transposed rotation.
  template <int kSign>
  __device__ __forceinline__ void Apply(int k, int channel,
                                        float (&v)[Shape::kVector]) {
    if (row_ == nullptr) return;
    if (k == 0 || !repeats_) {
      LoadFloats(row_ + static_cast<unsigned>(channel) % head_width_, table_);
    }
#pragma unroll
    for (int i = 0; i < Shape::kVector; i += 2) {
      const float cosine = table_[i];
      const float sine = kSign * table_[i + 1];
      const float a = v[i], b = v[i + 1];
      v[i] = fmaf(a, cosine, -b * sine);
      v[i + 1] = fmaf(a, sine, b * cosine);
    }
  }

 private:
  const float* row_;
  unsigned head_width_;
  bool repeats_;
  float table_[Shape::kVector];
};

// The tokens of chunk blockIdx.x of gridDim.x.
struct Chunk {
  int64_t first, end;
};

__device__ __forceinline__ Chunk ChunkOf(int64_t tokens) {
  const int64_t chunk = blockIdx.x, chunks = gridDim.x;
  return {tokens * chunk / chunks, tokens * (chunk + 1) / chunks};
}

// A row of `sums` for this chunk (x) and sample (y).
template <typename Shape>
__device__ __forceinline__ void StoreSums(
    const float (&sums)[Shape::kCount][Shape::kVector], int width,
    float* target) {
  const int64_t row = static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel < width) StoreFloats(sums[k], target + row * width + channel);
  }
}

template <typename Args>
inline dim3 TokenBlocks(const Args& args) {
  return dim3(static_cast<unsigned>(args.tokens),
              static_cast<unsigned>(args.samples));
}

// Host side: as many chunks a sample as make one wave of `kernel` on this
// device.
template <typename Kernel>
int OneWave(Kernel kernel, int threads, int64_t samples, int64_t tokens) {
  int device = 0, processors = 1, resident = 1;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
  cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, threads, 0);
  const int64_t wave = static_cast<int64_t>(processors) * resident / samples;
  const int64_t chunks = wave < tokens ? wave : tokens;
  return chunks < 1 ? 1 : static_cast<int>(chunks);
}

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_QK_NORM_CUH_
