// Device side of rows.h: packed bfloat16 vectors, their loads and stores, and
// sums over a block. A block works on one row at a time; thread t owns the
// vectors t, t + blockDim.x, ... of it.
#ifndef HP_STAGE_KERNELS_CUDA_ROWS_CUH_
#define HP_STAGE_KERNELS_CUDA_ROWS_CUH_

#include <cstdint>

#include "stage/kernels/cuda/rows.h"

namespace halfpipe {

constexpr int kWarp = 32;
constexpr int kMaxWarps = 32;

// How a block covers a row: kVector elements a load, kCount vectors a thread.
// kVector is 8 where every address is a multiple of 16 bytes, else 1 or 2 and
// loads are by element.
template <int kVectorSize, int kVectorCount, int kMaxThreads>
struct RowCover {
  static constexpr int kVector = kVectorSize;
  static constexpr int kCount = kVectorCount;
  static constexpr int kThreads = kMaxThreads;
  static_assert(kVector * kCount * kThreads == kMaxRowWidth);

  // Threads that cover `width` elements (a multiple of kVector).
  static int Threads(int width) {
    const int each = kVector * kCount;
    return ((width + each - 1) / each + kWarp - 1) / kWarp * kWarp;
  }
};

using Wide = RowCover<8, 4, 256>;
using Pairs = RowCover<2, 4, 1024>;
using Single = RowCover<1, 8, 1024>;

template <int kVector>
struct Packed {
  uint32_t words[(kVector + 1) / 2];
};

template <int kVector>
__device__ __forceinline__ Packed<kVector> Load(const uint16_t* source) {
  Packed<kVector> packed;
  if constexpr (kVector == 8) {
    // Read once: must not push the shared modulation rows out of L1.
    const uint4 value = __ldcs(reinterpret_cast<const uint4*>(source));
    packed.words[0] = value.x;
    packed.words[1] = value.y;
    packed.words[2] = value.z;
    packed.words[3] = value.w;
  } else if constexpr (kVector == 2) {
    packed.words[0] = source[0] | static_cast<uint32_t>(source[1]) << 16;
  } else {
    packed.words[0] = source[0];
  }
  return packed;
}

template <int kVector>
__device__ __forceinline__ Packed<kVector> Zero() {
  return Packed<kVector>{};
}

template <int kVector>
__device__ __forceinline__ void Unpack(const Packed<kVector>& packed,
                                       float (&values)[kVector]) {
#pragma unroll
  for (int i = 0; i < kVector; ++i) {
    const uint32_t word = packed.words[i / 2];
    values[i] = __uint_as_float(i % 2 == 0 ? word << 16 : word & 0xffff0000u);
  }
}

// Two float32 as bfloat16, rounded to nearest even.
__device__ __forceinline__ uint32_t Round2(float low, float high) {
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

template <int kVector>
__device__ __forceinline__ void Store(const float (&values)[kVector],
                                      uint16_t* target) {
  if constexpr (kVector == 8) {
    uint4 packed;
    packed.x = Round2(values[0], values[1]);
    packed.y = Round2(values[2], values[3]);
    packed.z = Round2(values[4], values[5]);
    packed.w = Round2(values[6], values[7]);
    *reinterpret_cast<uint4*>(target) = packed;
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      target[i] = static_cast<uint16_t>(Round2(values[i], 0.0f));
    }
  }
}

// Read-only float32 that several blocks share.
template <int kVector>
__device__ __forceinline__ void LoadFloats(const float* source,
                                           float (&values)[kVector]) {
  if constexpr (kVector == 8) {
    // Threads 4 to 7 of each 8 take their upper half first: neighbours' lower
    // halves lie 32 bytes apart and would meet in the same L1 banks.
    const bool upper_first = (threadIdx.x & 4) != 0;
    const float4* halves = reinterpret_cast<const float4*>(source);
    const float4 first = __ldg(halves + (upper_first ? 1 : 0));
    const float4 second = __ldg(halves + (upper_first ? 0 : 1));
    const float4 low = upper_first ? second : first;
    const float4 high = upper_first ? first : second;
    values[0] = low.x;
    values[1] = low.y;
    values[2] = low.z;
    values[3] = low.w;
    values[4] = high.x;
    values[5] = high.y;
    values[6] = high.z;
    values[7] = high.w;
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) values[i] = __ldg(source + i);
  }
}

template <int kVector>
__device__ __forceinline__ void StoreFloats(const float (&values)[kVector],
                                            float* target) {
  if constexpr (kVector == 8) {
    float4* halves = reinterpret_cast<float4*>(target);
    halves[0] = make_float4(values[0], values[1], values[2], values[3]);
    halves[1] = make_float4(values[4], values[5], values[6], values[7]);
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) target[i] = values[i];
  }
}

// The first element of this thread's k-th vector.
template <typename Shape>
__device__ __forceinline__ int Channel(int k) {
  return static_cast<int>(threadIdx.x + k * blockDim.x) * Shape::kVector;
}

// This thread's vectors of a row; zeros where the row has ended.
template <typename Shape>
__device__ __forceinline__ void LoadRow(
    const uint16_t* row, int width,
    Packed<Shape::kVector> (&vectors)[Shape::kCount]) {
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    vectors[k] = channel < width ? Load<Shape::kVector>(row + channel)
                                 : Zero<Shape::kVector>();
  }
}

// Sums of each of `values` over the block, in an order that depends on its size
// alone, for all threads. All threads must call it. `scratch` may be used again
// once all threads have passed another block-wide barrier.
template <int kValues>
__device__ __forceinline__ void BlockSum(float (&values)[kValues],
                                         float (&scratch)[kValues][kMaxWarps]) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      values[i] += __shfl_xor_sync(0xffffffffu, values[i], offset);
    }
    if (threadIdx.x % kWarp == 0) scratch[i][warp] = values[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
    values[i] = 0.0f;
    for (int w = 0; w < warps; ++w) values[i] += scratch[i][w];
  }
}

// Host side: whether every row starts at a multiple of 16 bytes.
template <typename T>
inline bool Aligned(const T* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 &&
         stride * static_cast<int64_t>(sizeof(T)) % 16 == 0;
}

template <typename RowsType>
inline bool Aligned(const RowsType& rows) {
  return Aligned(rows.data, rows.stride);
}

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_ROWS_CUH_
