// Times each fused kernel of stage/kernels at the shapes of Wan2.2-I2V-A14B,
// 480x832x49, against the memory's speed and the plain ATen formulas.
//
// Usage: kernels_bench [TOKENS] [WIDTH]   (defaults 20280 and 5120; the heads
// have 128 channels, the feed-forward 2.7 times the width)
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/qk_norm.h"
#include "stage/kernels/reference.h"
#include "stage/kernels/residual.h"
#include "stage/kernels/rope.h"

namespace halfpipe {
namespace {

constexpr double kPeakBytesPerSecond = 4.8e12;  // an H200's HBM3e
constexpr double kEps = 1e-6;
constexpr int64_t kHeadWidth = 128;
constexpr int64_t kRoom = 96;  // behind a row, for LoRA's columns

// The median milliseconds of a call of `run` on the current stream.
double Milliseconds(const std::function<void()>& run) {
  constexpr int kWarmUp = 3;
  constexpr int kRounds = 15;
  cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
  cudaEvent_t start = nullptr, end = nullptr;
  cudaEventCreate(&start);
  cudaEventCreate(&end);
  std::vector<float> times;
  for (int round = 0; round < kWarmUp + kRounds; ++round) {
    cudaEventRecord(start, stream);
    run();
    cudaEventRecord(end, stream);
    cudaEventSynchronize(end);
    float time = 0.0f;
    cudaEventElapsedTime(&time, start, end);
    if (round >= kWarmUp) times.push_back(time);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

// `bytes`: what the kernel must move at the least.
void Report(const std::string& name, double bytes,
            const std::function<void()>& fused,
            const std::function<void()>& reference) {
  const double fused_ms = Milliseconds(fused);
  const double reference_ms = Milliseconds(reference);
  const double rate = bytes / (fused_ms * 1e-3);
  std::printf("%-34s %8.3f ms %7.0f GB/s %5.1f %%   ATen %8.3f ms %6.1fx\n",
              name.c_str(), fused_ms, rate * 1e-9,
              100.0 * rate / kPeakBytesPerSecond, reference_ms,
              reference_ms / fused_ms);
  std::fflush(stdout);
}

struct Shapes {
  int64_t tokens = 20280;
  int64_t width = 5120;

  [[nodiscard]] int64_t inner() const { return width * 27 / 10; }

  [[nodiscard]] double Bytes() const {
    return 2.0 * static_cast<double>(tokens * width);
  }

  [[nodiscard]] double InnerBytes() const {
    return 2.0 * static_cast<double>(tokens * inner());
  }
};

const at::Device kGpu(at::kCUDA, 0);

at::Tensor Bf16(at::IntArrayRef sizes) {
  return at::randn(sizes,
                   at::TensorOptions().device(kGpu).dtype(at::kBFloat16));
}

at::Tensor Floats(at::IntArrayRef sizes) {
  return at::randn(sizes, at::TensorOptions().device(kGpu).dtype(at::kFloat));
}

// Rows with room behind them.
at::Tensor Roomy(int64_t tokens, int64_t width) {
  return Bf16({1, tokens, width + kRoom}).narrow(2, 0, width);
}

void BenchNorms(const Shapes& shapes) {
  const at::Tensor x = Bf16({1, shapes.tokens, shapes.width});
  const at::Tensor dy = Bf16(x.sizes()), residual = Bf16(x.sizes());
  const at::Tensor out = Roomy(shapes.tokens, shapes.width);
  const at::Tensor scale = Floats({1, 1, shapes.width});
  const at::Tensor shift = Floats({1, 1, shapes.width});
  LayerNormStats stats;
  ModulatedLayerNorm(x, shift, scale, kEps, &stats);
  Report(
      "modulated layer norm", 2 * shapes.Bytes(),
      [&] { ModulatedLayerNorm(x, shift, scale, kEps, &stats, out); },
      [&] { reference::ModulatedLayerNorm(x, shift, scale, kEps, &stats); });
  Report(
      "modulated layer norm backward", 4 * shapes.Bytes(),
      [&] { ModulatedLayerNormBackward(dy, x, scale, stats, residual); },
      [&] {
        reference::ModulatedLayerNormBackward(dy, x, scale, stats, residual);
      });
  const at::Tensor weight = Floats({shapes.width});
  const at::Tensor bias = Floats({shapes.width});
  Report(
      "affine layer norm", 2 * shapes.Bytes(),
      [&] { AffineLayerNorm(x, weight, bias, kEps, &stats, out); },
      [&] { reference::AffineLayerNorm(x, weight, bias, kEps, &stats); });
  Report(
      "affine layer norm backward", 4 * shapes.Bytes(),
      [&] { AffineLayerNormBackward(dy, x, weight, stats, residual); },
      [&] {
        reference::AffineLayerNormBackward(dy, x, weight, stats, residual);
      });
  const at::Tensor by_token = Floats({1, shapes.tokens, shapes.width});
  Report(
      "modulated layer norm, row a token", 6 * shapes.Bytes(),
      [&] { ModulatedLayerNorm(x, by_token, by_token, kEps, &stats, out); },
      [&] {
        reference::ModulatedLayerNorm(x, by_token, by_token, kEps, &stats);
      });
}

void BenchQkNorm(const Shapes& shapes) {
  const at::Tensor linear = Bf16({1, shapes.tokens, shapes.width});
  const at::Tensor weight = Floats({shapes.width});
  const at::Tensor rope = RopeTable({1, 1, shapes.tokens}, kHeadWidth, kGpu);
  const int64_t heads = shapes.width / kHeadWidth;
  const at::Tensor dheads =
      Bf16({1, heads, shapes.tokens, kHeadWidth}).transpose(1, 2);
  QkNormStats stats;
  for (bool centre : {false, true}) {
    const QkNormOptions options = {
        .heads = heads, .eps = kEps, .centre = centre};
    const std::string name = centre ? "k norm, rope, centre" : "q norm, rope";
    QkNorm(linear, weight, rope, options, &stats);
    // Centring reads its input once more.
    Report(
        name, (centre ? 3 : 2) * shapes.Bytes(),
        [&] { QkNorm(linear, weight, rope, options, &stats); },
        [&] { reference::QkNorm(linear, weight, rope, options, &stats); });
    Report(
        name + " backward", (centre ? 4 : 3) * shapes.Bytes(),
        [&] {
          QkNormBackward(dheads, linear, weight, rope, stats.rstd, options);
        },
        [&] {
          reference::QkNormBackward(dheads, linear, weight, rope, stats.rstd,
                                    options);
        });
  }
}

void BenchElements(const Shapes& shapes) {
  const at::Tensor x = Bf16({1, shapes.tokens, shapes.width});
  const at::Tensor y = Bf16(x.sizes());
  const at::Tensor gate = Floats({1, 1, shapes.width});
  const at::Tensor out = Roomy(shapes.tokens, shapes.width);
  Report(
      "gated residual", 3 * shapes.Bytes(), [&] { GatedResidual(x, gate, y); },
      [&] { reference::GatedResidual(x, gate, y); });
  Report(
      "gated residual backward", 2 * shapes.Bytes(),
      [&] { GatedResidualBackward(y, gate, out); },
      [&] { reference::GatedResidualBackward(y, gate); });
  const at::Tensor inner = Bf16({1, shapes.tokens, shapes.inner()});
  const at::Tensor dinner = Bf16(inner.sizes());
  const at::Tensor first = Roomy(shapes.tokens, shapes.inner());
  const at::Tensor second = Roomy(shapes.tokens, shapes.inner());
  Report(
      "gelu", 2 * shapes.InnerBytes(), [&] { GeluTanh(inner, first); },
      [&] { reference::GeluTanh(inner); });
  Report(
      "gelu backward and gelu", 4 * shapes.InnerBytes(),
      [&] { GeluTanhBackward(dinner, inner, first, second); },
      [&] { reference::GeluTanhBackward(dinner, inner); });
}

int Main(int argc, char** argv) {
  const absl::Status loaded = EnsureCudaLoaded();
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n", loaded.ToString().c_str());
    return 1;
  }
  at::NoGradGuard no_grad;
  Shapes shapes;
  if (argc > 1) shapes.tokens = std::atoll(argv[1]);
  if (argc > 2) shapes.width = std::atoll(argv[2]);
  std::printf("%lld tokens, width %lld; shares of %.1f TB/s\n",
              static_cast<long long>(shapes.tokens),
              static_cast<long long>(shapes.width),
              kPeakBytesPerSecond * 1e-12);
  BenchNorms(shapes);
  BenchQkNorm(shapes);
  BenchElements(shapes);
  return 0;
}

}  // namespace
}  // namespace halfpipe

int main(int argc, char** argv) { return halfpipe::Main(argc, argv); }
