#include "stage/kernels/cuda/layer_norm.h"
#include "stage/kernels/cuda/rows.cuh"

namespace halfpipe {
namespace {

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads)
    LayerNormKernel(const LayerNormArgs a) {
  constexpr int kVector = Shape::kVector;
  __shared__ float scratch[2][1][kMaxWarps];
  const int64_t row = blockIdx.x;
  const float inverse_width = 1.0f / static_cast<float>(a.width);
  Packed<kVector> x[Shape::kCount];
  LoadRow<Shape>(a.x.data + row * a.x.stride, a.width, x);

  float mean[1] = {0.0f};
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    float v[kVector];
    Unpack(x[k], v);
#pragma unroll
    for (int i = 0; i < kVector; ++i) mean[0] += v[i];
  }
  BlockSum(mean, scratch[0]);
  mean[0] *= inverse_width;

  // A second pass over the registers: sum(x^2) - mean^2 would cancel.
  float variance[1] = {0.0f};
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    if (Channel<Shape>(k) >= a.width) continue;
    float v[kVector];
    Unpack(x[k], v);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const float centred = v[i] - mean[0];
      variance[0] = fmaf(centred, centred, variance[0]);
    }
  }
  BlockSum(variance, scratch[1]);
  const float rstd = rsqrtf(fmaf(variance[0], inverse_width, a.eps));
  if (threadIdx.x == 0) {
    a.mean[row] = mean[0];
    a.rstd[row] = rstd;
  }

  const int64_t group = row / a.rows_per_group;
  const float* scale = a.scale.data + group * a.scale.stride;
  const float* shift = a.shift.data + group * a.shift.stride;
  uint16_t* y = a.y.data + row * a.y.stride;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel >= a.width) continue;
    float v[kVector], multiplier[kVector], addend[kVector];
    Unpack(x[k], v);
    LoadFloats(scale + channel, multiplier);
    LoadFloats(shift + channel, addend);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      v[i] = fmaf((v[i] - mean[0]) * rstd, multiplier[i] + a.offset, addend[i]);
    }
    Store(v, y + channel);
  }
}

// With n = (x - mean) * rstd and g = dy * (offset + scale):
// dx = rstd * (g - mean(g) - n * mean(g * n)) + residual.
template <typename Shape, bool kResidual>
__global__ void __launch_bounds__(Shape::kThreads)
    LayerNormBackwardKernel(const LayerNormBackwardArgs a) {
  constexpr int kVector = Shape::kVector;
  __shared__ float scratch[2][kMaxWarps];
  const int64_t row = blockIdx.x;
  Packed<kVector> dy[Shape::kCount], x[Shape::kCount], residual[Shape::kCount];
  LoadRow<Shape>(a.dy.data + row * a.dy.stride, a.width, dy);
  LoadRow<Shape>(a.x.data + row * a.x.stride, a.width, x);
  if constexpr (kResidual) {
    LoadRow<Shape>(a.residual.data + row * a.residual.stride, a.width,
                   residual);
  }
  const float mean = a.mean[row];
  const float rstd = a.rstd[row];
  const float* scale = a.scale.data + (row / a.rows_per_group) * a.scale.stride;

  float g[Shape::kCount][kVector];
  float sums[2] = {0.0f, 0.0f};  // of g and of g * n
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    Unpack(dy[k], g[k]);
    if (channel >= a.width) continue;
    float v[kVector], multiplier[kVector];
    Unpack(x[k], v);
    LoadFloats(scale + channel, multiplier);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      g[k][i] *= multiplier[i] + a.offset;
      sums[0] += g[k][i];
      sums[1] = fmaf(g[k][i], (v[i] - mean) * rstd, sums[1]);
    }
  }
  BlockSum(sums, scratch);
  const float inverse_width = 1.0f / static_cast<float>(a.width);
  const float mean_g = sums[0] * inverse_width;
  const float mean_gn = sums[1] * inverse_width;

  uint16_t* dx = a.dx.data + row * a.dx.stride;
#pragma unroll
  for (int k = 0; k < Shape::kCount; ++k) {
    const int channel = Channel<Shape>(k);
    if (channel >= a.width) continue;
    float v[kVector], added[kVector];
    Unpack(x[k], v);
    if constexpr (kResidual) Unpack(residual[k], added);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const float normalised = (v[i] - mean) * rstd;
      const float inner = fmaf(-normalised, mean_gn, g[k][i] - mean_g);
      if constexpr (kResidual) {
        v[i] = fmaf(rstd, inner, added[i]);
      } else {
        v[i] = rstd * inner;
      }
    }
    Store(v, dx + channel);
  }
}

template <typename Shape>
void Launch(const LayerNormBackwardArgs& args, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(args.rows);
  const int threads = Shape::Threads(args.width);
  if (args.residual.data != nullptr) {
    LayerNormBackwardKernel<Shape, true><<<blocks, threads, 0, stream>>>(args);
  } else {
    LayerNormBackwardKernel<Shape, false><<<blocks, threads, 0, stream>>>(args);
  }
}

}  // namespace

cudaError_t LaunchLayerNorm(const LayerNormArgs& args, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(args.rows);
  if (args.width % Wide::kVector == 0 && Aligned(args.x) && Aligned(args.y) &&
      Aligned(args.scale) && Aligned(args.shift)) {
    LayerNormKernel<Wide>
        <<<blocks, Wide::Threads(args.width), 0, stream>>>(args);
  } else {
    LayerNormKernel<Single>
        <<<blocks, Single::Threads(args.width), 0, stream>>>(args);
  }
  return cudaGetLastError();
}

cudaError_t LaunchLayerNormBackward(const LayerNormBackwardArgs& args,
                                    cudaStream_t stream) {
  // A missing residual is a null pointer, which is aligned.
  if (args.width % Wide::kVector == 0 && Aligned(args.dy) && Aligned(args.x) &&
      Aligned(args.residual) && Aligned(args.scale) && Aligned(args.dx)) {
    Launch<Wide>(args, stream);
  } else {
    Launch<Single>(args, stream);
  }
  return cudaGetLastError();
}

}  // namespace halfpipe
