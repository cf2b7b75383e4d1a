#include <cuda_fp8.h>

#include "stage/kernels/cuda/fp8.h"
#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {
namespace {

constexpr float kLargestE4m3 = 448.0f;

// Values that are read and written at a time, per thread and vector.
template <int kVector>
__device__ __forceinline__ void StoreBytes(const float (&values)[kVector],
                                           uint8_t* target) {
  if constexpr (kVector == 8) {
    uint32_t words[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint32_t low = __nv_cvt_float2_to_fp8x2(
          make_float2(values[4 * i], values[4 * i + 1]), __NV_SATFINITE,
          __NV_E4M3);
      const uint32_t high = __nv_cvt_float2_to_fp8x2(
          make_float2(values[4 * i + 2], values[4 * i + 3]), __NV_SATFINITE,
          __NV_E4M3);
      words[i] = low | high << 16;
    }
    *reinterpret_cast<uint2*>(target) = make_uint2(words[0], words[1]);
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      target[i] = __nv_cvt_float_to_fp8(values[i], __NV_SATFINITE, __NV_E4M3);
    }
  }
}

// e4m3 as float32, exact.
__device__ __forceinline__ float2 Unpack2(uint32_t two_bytes) {
  const __half2_raw halves = __nv_cvt_fp8x2_to_halfraw2(
      static_cast<__nv_fp8x2_storage_t>(two_bytes), __NV_E4M3);
  return __half22float2(__half2(halves));
}

template <int kVector>
__device__ __forceinline__ void LoadBytes(const uint8_t* source,
                                          float (&values)[kVector]) {
  if constexpr (kVector == 8) {
    const uint2 packed = __ldcs(reinterpret_cast<const uint2*>(source));
    const uint32_t words[2] = {packed.x, packed.y};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 two = Unpack2(words[i / 2] >> (16 * (i % 2)) & 0xffffu);
      values[2 * i] = two.x;
      values[2 * i + 1] = two.y;
    }
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) values[i] = Unpack2(source[i]).x;
  }
}

// The largest of `value` over the block, for all threads. NaN counts as
// infinity: it must not get lost.
__device__ __forceinline__ float BlockMax(float value) {
  __shared__ float scratch[kMaxWarps];
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  for (int w = 0; w < warps; ++w) value = fmaxf(value, scratch[w]);
  return value;
}

__device__ __forceinline__ float Magnitude(float value) {
  return isnan(value) ? __int_as_float(0x7f800000) : fabsf(value);
}

// How a block holds a row: kVector elements a load, kCount vectors a thread.
template <int kVectorSize, int kVectorCount>
struct QuantiseShape {
  static constexpr int kVector = kVectorSize;
  static constexpr int kCount = kVectorCount;
  static constexpr int kThreads = kMaxQuantisedWidth / (kVector * kCount);

  static unsigned Threads(int64_t width) {
    const int64_t each = kVector * kCount;
    return static_cast<unsigned>(((width + each - 1) / each + kWarp - 1) /
                                 kWarp * kWarp);
  }
};

using WideQuantise = QuantiseShape<8, 4>;
using SingleQuantise = QuantiseShape<1, 16>;

template <typename Shape, bool kColumns>
__global__ void __launch_bounds__(Shape::kThreads)
    QuantiseKernel(const QuantiseArgs a) {
  const int64_t row = blockIdx.x;
  const int width = static_cast<int>(a.width);
  const uint16_t* x = a.x.data + row * a.x.stride;
  Packed<Shape::kVector> packed[Shape::kCount];
  LoadRow<Shape>(x, width, packed);
  float largest = 0.0f;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel >= width) continue;
    float v[Shape::kVector], factor[Shape::kVector];
    Unpack(packed[k], v);
    if constexpr (kColumns) LoadFloats(a.columns + channel, factor);
#pragma unroll
    for (int i = 0; i < Shape::kVector; ++i) {
      if constexpr (kColumns) v[i] *= factor[i];
      largest = fmaxf(largest, Magnitude(v[i]));
    }
  }
  largest = BlockMax(largest);
  const float scale = largest > 0.0f ? __fdiv_rn(largest, kLargestE4m3) : 1.0f;
  if (threadIdx.x == 0) a.scales[row] = scale;
  uint8_t* out = a.values + row * a.width;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel >= width) continue;
    float v[Shape::kVector], factor[Shape::kVector];
    Unpack(packed[k], v);
    if constexpr (kColumns) LoadFloats(a.columns + channel, factor);
#pragma unroll
    for (int i = 0; i < Shape::kVector; ++i) {
      if constexpr (kColumns) v[i] *= factor[i];
      v[i] = __fdiv_rn(v[i], scale);
    }
    StoreBytes(v, out + channel);
  }
}

template <typename Shape>
void Launch(const QuantiseArgs& args, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(args.rows);
  const unsigned threads = Shape::Threads(args.width);
  if (args.columns != nullptr) {
    QuantiseKernel<Shape, true><<<blocks, threads, 0, stream>>>(args);
  } else {
    QuantiseKernel<Shape, false><<<blocks, threads, 0, stream>>>(args);
  }
}

constexpr int kDequantiseThreads = 256;

template <int kVector>
__global__ void __launch_bounds__(kDequantiseThreads)
    DequantiseKernel(const DequantiseArgs a) {
  const int64_t row = blockIdx.x;
  const float scale = a.scales[row];
  const uint8_t* values = a.values + row * a.width;
  uint16_t* out = a.out.data + row * a.out.stride;
  const int64_t step = static_cast<int64_t>(kDequantiseThreads) * kVector;
  for (int64_t i = static_cast<int64_t>(threadIdx.x) * kVector; i < a.width;
       i += step) {
    float v[kVector];
    LoadBytes(values + i, v);
#pragma unroll
    for (int j = 0; j < kVector; ++j) v[j] *= scale;
    Store(v, out + i);
  }
}

// A tile of bytes goes through shared memory in words of four.
constexpr int kTile = 64;
constexpr int kWord = 4;
constexpr int kTileWords = kTile / kWord;
constexpr int kTransposeThreads = 256;

__global__ void __launch_bounds__(kTransposeThreads)
    TransposeKernel(const TransposeArgs a) {
  // One word more a row: a column's bytes lie in different banks.
  __shared__ uint32_t tile[kTile][kTileWords + 1];
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * kTile;
  const int64_t first_column = static_cast<int64_t>(blockIdx.x) * kTile;
  const int word = static_cast<int>(threadIdx.x) % kTileWords;
  constexpr int kRowsAtOnce = kTransposeThreads / kTileWords;
  for (int r = static_cast<int>(threadIdx.x) / kTileWords; r < kTile;
       r += kRowsAtOnce) {
    const int64_t row = first_row + r;
    const int64_t column = first_column + word * kWord;
    if (row < a.rows && column < a.columns) {
      tile[r][word] = __ldcs(
          reinterpret_cast<const uint32_t*>(a.in + row * a.columns + column));
    }
  }
  __syncthreads();
  const auto byte = [](int r, int c) {
    return reinterpret_cast<const uint8_t*>(&tile[r][0])[c];
  };
  for (int c = static_cast<int>(threadIdx.x) / kTileWords; c < kTile;
       c += kRowsAtOnce) {
    const int64_t column = first_column + c;
    const int64_t row = first_row + word * kWord;
    if (column >= a.columns || row >= a.rows) continue;
    const int r = word * kWord;
    const uint32_t value = byte(r, c) | byte(r + 1, c) << 8 |
                           byte(r + 2, c) << 16 |
                           static_cast<uint32_t>(byte(r + 3, c)) << 24;
    *reinterpret_cast<uint32_t*>(a.out + column * a.rows + row) = value;
  }
}

// Bytes in vectors of eight.
bool AlignedBytes(const uint8_t* data) {
  return reinterpret_cast<uintptr_t>(data) % Wide::kVector == 0;
}

}  // namespace

cudaError_t LaunchQuantise(const QuantiseArgs& args, cudaStream_t stream) {
  if (args.width % Wide::kVector == 0 && Aligned(args.x) &&
      Aligned(args.columns, 0) && AlignedBytes(args.values)) {
    Launch<WideQuantise>(args, stream);
  } else {
    Launch<SingleQuantise>(args, stream);
  }
  return cudaGetLastError();
}

cudaError_t LaunchDequantise(const DequantiseArgs& args, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(args.rows);
  if (args.width % Wide::kVector == 0 && AlignedBytes(args.values) &&
      Aligned(args.out)) {
    DequantiseKernel<Wide::kVector>
        <<<blocks, kDequantiseThreads, 0, stream>>>(args);
  } else {
    DequantiseKernel<1><<<blocks, kDequantiseThreads, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

cudaError_t LaunchTranspose(const TransposeArgs& args, cudaStream_t stream) {
  if (args.rows % kWord != 0 || args.columns % kWord != 0) {
    return cudaErrorInvalidValue;
  }
  const dim3 tiles(static_cast<unsigned>((args.columns + kTile - 1) / kTile),
                   static_cast<unsigned>((args.rows + kTile - 1) / kTile));
  TransposeKernel<<<tiles, kTransposeThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace halfpipe
