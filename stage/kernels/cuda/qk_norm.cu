#include "stage/kernels/cuda/qk_norm.cuh"
#include "stage/kernels/cuda/qk_norm.h"
#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {
namespace {

// The thread's part of the row's sum of squares.
template <typename Shape>
__device__ __forceinline__ float Squares(
    const Packed<Shape::kVector> (&x)[Shape::kCount]) {
  float sum = 0.0f;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    float v[Shape::kVector];
    Unpack(x[k], v);
#pragma unroll
    for (int i = 0; i < Shape::kVector; ++i) sum = fmaf(v[i], v[i], sum);
  }
  return sum;
}

__device__ __forceinline__ float Rstd(float squares, int width, float eps) {
  return rsqrtf(squares / static_cast<float>(width) + eps);
}

// v = (x * rstd) * weight, rotated.
template <typename Shape>
__device__ __forceinline__ void NormAndRotate(const Packed<Shape::kVector>& x,
                                              float rstd, const float* weight,
                                              int k, Rotation<Shape>* rotation,
                                              float (&v)[Shape::kVector]) {
  const int channel = Channel<Shape>(k);
  float multiplier[Shape::kVector];
  Unpack(x, v);
  LoadFloats(weight + channel, multiplier);
#pragma unroll
  for (int i = 0; i < Shape::kVector; ++i) v[i] = v[i] * rstd * multiplier[i];
  rotation->template Apply<1>(k, channel, v);
}

// One block a token (x) and sample (y).
template <typename Shape, bool kKnownRstd>
__global__ void __launch_bounds__(Shape::kThreads)
    QkNormKernel(const QkNormArgs a) {
  constexpr int kVector = Shape::kVector;
  const int64_t token = blockIdx.x, sample = blockIdx.y;
  const int64_t row = sample * a.tokens + token;
  Packed<kVector> x[Shape::kCount];
  LoadRow<Shape>(a.linear.data + row * a.linear.stride, a.width, x);
  float rstd;
  if constexpr (kKnownRstd) {
    rstd = a.rstd[row];
  } else {
    __shared__ float scratch[1][kMaxWarps];
    float squares[1] = {Squares<Shape>(x)};
    BlockSum(squares, scratch);
    rstd = Rstd(squares[0], a.width, a.eps);
    if (threadIdx.x == 0) a.rstd[row] = rstd;
  }
  Rotation<Shape> rotation(a.rope, token, a.head_width);
  uint16_t* heads = a.heads + row * a.width;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel >= a.width) continue;
    float v[kVector];
    NormAndRotate<Shape>(x[k], rstd, a.weight, k, &rotation, v);
    if constexpr (kKnownRstd) {
      if (a.mean != nullptr) {
        float mean[kVector];
        LoadFloats(a.mean + sample * a.width + channel, mean);
#pragma unroll
        for (int i = 0; i < kVector; ++i) v[i] -= mean[i];
      }
    }
    Store(v, heads + channel);
  }
}

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads)
    QkNormSumsKernel(const QkNormArgs a, float* target) {
  constexpr int kVector = Shape::kVector;
  // Two sets in turn: a row's barrier frees the set of the row before it.
  __shared__ float scratch[2][1][kMaxWarps];
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * a.tokens;
  const Chunk chunk = ChunkOf(a.tokens);
  float sums[Shape::kCount][kVector] = {};
  Packed<kVector> x[Shape::kCount], next[Shape::kCount], third[Shape::kCount];
  const auto load = [&](int64_t token, auto& vectors) {
    LoadRow<Shape>(a.linear.data + (first_row + token) * a.linear.stride,
                   a.width, vectors);
  };
  // Two rows are on their way while the block waits for the sum of one.
  if (chunk.first < chunk.end) load(chunk.first, next);
  if (chunk.first + 1 < chunk.end) load(chunk.first + 1, third);
  for (int64_t token = chunk.first; token < chunk.end; ++token) {
#pragma unroll
    for (int k = 0; k < Shape::kCount; ++k) {
      x[k] = next[k];
      next[k] = third[k];
    }
    if (token + 2 < chunk.end) load(token + 2, third);
    float squares[1] = {Squares<Shape>(x)};
    BlockSum(squares, scratch[(token - chunk.first) % 2]);
    const float rstd = Rstd(squares[0], a.width, a.eps);
    if (threadIdx.x == 0) a.rstd[first_row + token] = rstd;
    Rotation<Shape> rotation(a.rope, token, a.head_width);
#pragma unroll
    for (int k = 0; k < Shape::kCount; ++k) {
      if (Channel<Shape>(k) >= a.width) continue;
      float v[kVector];
      NormAndRotate<Shape>(x[k], rstd, a.weight, k, &rotation, v);
#pragma unroll
      for (int i = 0; i < kVector; ++i) sums[k][i] += v[i];
    }
  }
  StoreSums<Shape>(sums, a.width, target);
}

bool IsWide(const QkNormArgs& args) {
  return args.head_width % Wide::kVector == 0 && Aligned(args.linear) &&
         Aligned(args.weight, 0) && Aligned(args.rope, 0) &&
         Aligned(args.mean, 0) && Aligned(args.heads, args.width);
}

template <typename Shape>
void Launch(const QkNormArgs& args, cudaStream_t stream) {
  const int threads = Shape::Threads(args.width);
  if (args.known_rstd) {
    QkNormKernel<Shape, true><<<TokenBlocks(args), threads, 0, stream>>>(args);
  } else {
    QkNormKernel<Shape, false><<<TokenBlocks(args), threads, 0, stream>>>(args);
  }
}

}  // namespace

cudaError_t LaunchQkNorm(const QkNormArgs& args, cudaStream_t stream) {
  if (IsWide(args)) {
    Launch<Wide>(args, stream);
  } else {
    Launch<Pairs>(args, stream);
  }
  return cudaGetLastError();
}

int QkNormChunks(const QkNormArgs& args) {
  return OneWave(QkNormSumsKernel<Wide>, Wide::Threads(args.width),
                 args.samples, args.tokens);
}

cudaError_t LaunchQkNormSums(const QkNormArgs& args, int chunks, float* sums,
                             cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(chunks),
                  static_cast<unsigned>(args.samples));
  if (IsWide(args) && Aligned(sums, args.width)) {
    QkNormSumsKernel<Wide>
        <<<grid, Wide::Threads(args.width), 0, stream>>>(args, sums);
  } else {
    QkNormSumsKernel<Pairs>
        <<<grid, Pairs::Threads(args.width), 0, stream>>>(args, sums);
  }
  return cudaGetLastError();
}

}  // namespace halfpipe
