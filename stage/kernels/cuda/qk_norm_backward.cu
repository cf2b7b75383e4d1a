#include "stage/kernels/cuda/qk_norm.cuh"
#include "stage/kernels/cuda/qk_norm.h"
#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {
namespace {

// This thread's vectors of one token of `dheads`; zeros past the end.
template <typename Shape>
__device__ __forceinline__ void LoadHeads(
    const HeadGradient& d, int64_t sample, int64_t token, int width,
    int head_width, Packed<Shape::kVector> (&vectors)[Shape::kCount]) {
  const uint16_t* row =
      d.data + sample * d.sample_stride + token * d.token_stride;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const auto channel = static_cast<unsigned>(Channel<Shape>(k));
    const unsigned head = channel / static_cast<unsigned>(head_width);
    const unsigned inside = channel - head * static_cast<unsigned>(head_width);
    vectors[k] = channel < static_cast<unsigned>(width)
                     ? Load<Shape::kVector>(row + head * d.head_stride + inside)
                     : Zero<Shape::kVector>();
  }
}

// With d the rotated-back gradient, n = x * rstd and g = d * weight:
// dx = rstd * (g - n * mean(g * n)). One block a token (x) and sample (y).
template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads)
    QkNormBackwardKernel(const QkNormBackwardArgs a) {
  constexpr int kVector = Shape::kVector;
  __shared__ float scratch[1][kMaxWarps];
  const int64_t token = blockIdx.x, sample = blockIdx.y;
  const int64_t row = sample * a.tokens + token;
  Packed<kVector> d[Shape::kCount], x[Shape::kCount];
  LoadHeads<Shape>(a.dheads, sample, token, a.width, a.head_width, d);
  LoadRow<Shape>(a.linear.data + row * a.linear.stride, a.width, x);
  const float rstd = a.rstd[row];
  Rotation<Shape> rotation(a.rope, token, a.head_width);
  float g[Shape::kCount][kVector];
  float products[1] = {0.0f};
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    Unpack(d[k], g[k]);
    if (channel >= a.width) continue;
    float v[kVector], multiplier[kVector];
    if (a.mean != nullptr) {
      LoadFloats(a.mean + sample * a.width + channel, v);
#pragma unroll
      for (int i = 0; i < kVector; ++i) g[k][i] -= v[i];
    }
    rotation.template Apply<-1>(k, channel, g[k]);
    Unpack(x[k], v);
    LoadFloats(a.weight + channel, multiplier);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      g[k][i] *= multiplier[i];
      products[0] = fmaf(g[k][i], v[i] * rstd, products[0]);
    }
  }
  BlockSum(products, scratch);
  const float projection = products[0] / static_cast<float>(a.width);
  uint16_t* dlinear = a.dlinear.data + row * a.dlinear.stride;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel >= a.width) continue;
    float v[kVector];
    Unpack(x[k], v);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      v[i] = rstd * fmaf(-v[i] * rstd, projection, g[k][i]);
    }
    Store(v, dlinear + channel);
  }
}

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads)
    HeadGradientSumsKernel(const QkNormBackwardArgs a, float* target) {
  constexpr int kVector = Shape::kVector;
  const int64_t sample = blockIdx.y;
  const Chunk chunk = ChunkOf(a.tokens);
  float sums[Shape::kCount][kVector] = {};
#pragma unroll 2
  for (int64_t token = chunk.first; token < chunk.end; ++token) {
    Packed<kVector> d[Shape::kCount];
    LoadHeads<Shape>(a.dheads, sample, token, a.width, a.head_width, d);
#pragma unroll
    for (int k = 0; k < Shape::kCount; ++k) {
      float v[kVector];
      Unpack(d[k], v);
#pragma unroll
      for (int i = 0; i < kVector; ++i) sums[k][i] += v[i];
    }
  }
  StoreSums<Shape>(sums, a.width, target);
}

bool IsWide(const QkNormBackwardArgs& args) {
  const HeadGradient& d = args.dheads;
  return args.head_width % Wide::kVector == 0 &&
         Aligned(d.data, d.sample_stride) && Aligned(d.data, d.token_stride) &&
         Aligned(d.data, d.head_stride) && Aligned(args.linear) &&
         Aligned(args.weight, 0) && Aligned(args.rope, 0) &&
         Aligned(args.mean, 0) && Aligned(args.dlinear);
}

}  // namespace

cudaError_t LaunchQkNormBackward(const QkNormBackwardArgs& args,
                                 cudaStream_t stream) {
  if (IsWide(args)) {
    QkNormBackwardKernel<Wide>
        <<<TokenBlocks(args), Wide::Threads(args.width), 0, stream>>>(args);
  } else {
    QkNormBackwardKernel<Pairs>
        <<<TokenBlocks(args), Pairs::Threads(args.width), 0, stream>>>(args);
  }
  return cudaGetLastError();
}

int HeadGradientChunks(const QkNormBackwardArgs& args) {
  return OneWave(HeadGradientSumsKernel<Wide>, Wide::Threads(args.width),
                 args.samples, args.tokens);
}

cudaError_t LaunchHeadGradientSums(const QkNormBackwardArgs& args, int chunks,
                                   float* sums, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(chunks),
                  static_cast<unsigned>(args.samples));
  if (IsWide(args) && Aligned(sums, args.width)) {
    HeadGradientSumsKernel<Wide>
        <<<grid, Wide::Threads(args.width), 0, stream>>>(args, sums);
  } else {
    HeadGradientSumsKernel<Pairs>
        <<<grid, Pairs::Threads(args.width), 0, stream>>>(args, sums);
  }
  return cudaGetLastError();
}

}  // namespace halfpipe
