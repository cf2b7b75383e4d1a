#include "stage/kernels/cuda/elementwise.h"
#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {
namespace {

constexpr int kBlock = 256;
constexpr int kCount = 4;  // vectors a thread

// A row is cut into grid.y parts of blockDim.x * kCount vectors.
struct Grid {
  dim3 blocks;
  unsigned threads;
};

template <int kVector>
Grid Divide(int64_t rows, int64_t width) {
  const int64_t vectors = width / kVector;
  const int64_t most = kBlock * kCount;
  const int64_t parts = (vectors + most - 1) / most;
  const int64_t each = (vectors + parts * kCount - 1) / (parts * kCount);
  const int64_t threads = (each + kWarp - 1) / kWarp * kWarp;
  return {dim3(static_cast<unsigned>(rows), static_cast<unsigned>(parts)),
          static_cast<unsigned>(threads)};
}

// The first element of this thread's k-th vector.
template <int kVector>
__device__ __forceinline__ int64_t Element(int k) {
  const int64_t part = static_cast<int64_t>(blockIdx.y) * kCount + k;
  return (part * blockDim.x + threadIdx.x) * kVector;
}

template <int kVector>
__device__ __forceinline__ void LoadPart(const Bf16Rows& rows, int64_t width,
                                         Packed<kVector> (&vectors)[kCount]) {
  const uint16_t* row = rows.data + blockIdx.x * rows.stride;
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    const int64_t element = Element<kVector>(k);
    vectors[k] =
        element < width ? Load<kVector>(row + element) : Zero<kVector>();
  }
}

template <int kVector, bool kAdd>
__global__ void __launch_bounds__(kBlock) GateKernel(const GateArgs a) {
  const int64_t row = blockIdx.x;
  Packed<kVector> x[kCount], y[kCount];
  LoadPart(a.y, a.width, y);
  if constexpr (kAdd) LoadPart(a.x, a.width, x);
  const float* gate = a.gate.data + (row / a.rows_per_group) * a.gate.stride;
  uint16_t* out = a.out.data + row * a.out.stride;
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    const int64_t element = Element<kVector>(k);
    if (element >= a.width) continue;
    float v[kVector], factor[kVector], added[kVector];
    Unpack(y[k], v);
    LoadFloats(gate + element, factor);
    if constexpr (kAdd) Unpack(x[k], added);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      if constexpr (kAdd) {
        v[i] = fmaf(factor[i], v[i], added[i]);
      } else {
        v[i] *= factor[i];
      }
    }
    Store(v, out + element);
  }
}

// The special function unit's own, without the range reduction and rescue of
// denormals around them that cost more than the memory allows: 2 ulp, and a
// denormal counts as 0.
__device__ __forceinline__ float Exp2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

__device__ __forceinline__ float Reciprocal(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// gelu(x) = x * s with s = sigmoid(2u), u = sqrt(2 / pi) * (x + 0.044715 x^3):
// the same function as 0.5 x (1 + tanh(u)) without its cancellation at negative
// x. One exp2 and one reciprocal, each within 2 ulp of float32.
struct Gelu {
  float value, slope;
};

__device__ __forceinline__ Gelu GeluOf(float x) {
  constexpr float kTwoU = 1.5957691216057308f;  // 2 * sqrt(2 / pi)
  constexpr float kCubic = 0.044715f;
  constexpr float kLog2E = 1.4426950408889634f;
  // The bound keeps 0 * inf out of the slope; far beyond it s is 0 or 1.
  const float square = fminf(x * x, 1e30f);
  const float exponent =
      x * fmaf(-kTwoU * kLog2E * kCubic, square, -kTwoU * kLog2E);
  const float s = Reciprocal(1.0f + Exp2(exponent));
  const float slope_of_2u = fmaf(3.0f * kCubic * kTwoU, square, kTwoU);
  return {x * s, fmaf(x * s * (1.0f - s), slope_of_2u, s)};
}

template <int kVector, bool kBackward>
__global__ void __launch_bounds__(kBlock) GeluKernel(const GeluArgs a) {
  const int64_t row = blockIdx.x;
  Packed<kVector> x[kCount], dy[kCount];
  LoadPart(a.x, a.width, x);
  if constexpr (kBackward) LoadPart(a.dy, a.width, dy);
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    const int64_t element = Element<kVector>(k);
    if (element >= a.width) continue;
    float v[kVector], d[kVector];
    Unpack(x[k], v);
    if constexpr (kBackward) Unpack(dy[k], d);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const Gelu gelu = GeluOf(v[i]);
      v[i] = gelu.value;
      if constexpr (kBackward) d[i] *= gelu.slope;
    }
    Store(v, a.activated.data + row * a.activated.stride + element);
    if constexpr (kBackward) {
      Store(d, a.dx.data + row * a.dx.stride + element);
    }
  }
}

template <int kVector>
void Launch(const GateArgs& args, cudaStream_t stream) {
  const Grid grid = Divide<kVector>(args.rows, args.width);
  if (args.x.data != nullptr) {
    GateKernel<kVector, true><<<grid.blocks, grid.threads, 0, stream>>>(args);
  } else {
    GateKernel<kVector, false><<<grid.blocks, grid.threads, 0, stream>>>(args);
  }
}

template <int kVector>
void Launch(const GeluArgs& args, cudaStream_t stream) {
  const Grid grid = Divide<kVector>(args.rows, args.width);
  if (args.dy.data != nullptr) {
    GeluKernel<kVector, true><<<grid.blocks, grid.threads, 0, stream>>>(args);
  } else {
    GeluKernel<kVector, false><<<grid.blocks, grid.threads, 0, stream>>>(args);
  }
}

}  // namespace

// A missing operand is a null pointer, which is aligned.
cudaError_t LaunchGate(const GateArgs& args, cudaStream_t stream) {
  if (args.width % Wide::kVector == 0 && Aligned(args.x) && Aligned(args.y) &&
      Aligned(args.gate) && Aligned(args.out)) {
    Launch<Wide::kVector>(args, stream);
  } else {
    Launch<1>(args, stream);
  }
  return cudaGetLastError();
}

cudaError_t LaunchGelu(const GeluArgs& args, cudaStream_t stream) {
  if (args.width % Wide::kVector == 0 && Aligned(args.x) && Aligned(args.dy) &&
      Aligned(args.activated) && Aligned(args.dx)) {
    Launch<Wide::kVector>(args, stream);
  } else {
    Launch<1>(args, stream);
  }
  return cudaGetLastError();
}

}  // namespace halfpipe
