#include "stage/job/measure_rates.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_errors.h"
#include "stage/gpu/cuda_event.h"
#include "stage/gpu/device_facts.h"
#include "stage/kernels/attention.h"
#include "stage/kernels/fp8.h"
#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/residual.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/compute_stream.h"

namespace halfpipe {
namespace {

// Of Wan's 14B models, but fewer tokens: the same kernels in less memory.
constexpr int64_t kTokens = 12288;
constexpr int64_t kHeads = 40;
constexpr int64_t kHeadDim = 128;
constexpr int64_t kWidth = kHeads * kHeadDim;
constexpr int64_t kFfn = 13824;

constexpr absl::Duration kWarmUp = absl::Milliseconds(1500);
constexpr absl::Duration kMeasured = absl::Milliseconds(1500);
constexpr size_t kCopyBytes = size_t{256} << 20;
constexpr int kCopies = 6;
constexpr int kFp8Products = 200;  // about 0.3 s

// What is not there yet when a stage registers, and comes with the pair: NCCL's
// buffers, and kernels that the driver loads at their first use.
constexpr int64_t kLaterBytes = int64_t{640} << 20;
// A context's own, which cannot be told apart from other processes' memory.
constexpr int64_t kContextBytes = int64_t{600} << 20;
// One way over NVLink; a joining pair sends too little to measure it.
constexpr double kNvLinkBytesPerSecond = 300e9;

class PinnedBlock {
 public:
  static absl::StatusOr<PinnedBlock> Create() {
    void* data = nullptr;
    HP_CUDA_RETURN_IF_ERROR(
        cudaHostAlloc(&data, 2 * kCopyBytes, cudaHostAllocDefault));
    return PinnedBlock(data);
  }

  PinnedBlock(PinnedBlock&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)) {}

  PinnedBlock& operator=(PinnedBlock&&) = delete;

  ~PinnedBlock() {
    if (data_ != nullptr) cudaFreeHost(data_);
  }

  [[nodiscard]] char* data() const { return static_cast<char*>(data_); }

 private:
  explicit PinnedBlock(void* data) : data_(data) {}

  void* data_;
};

class Stream {
 public:
  static absl::StatusOr<Stream> Create() {
    cudaStream_t stream = nullptr;
    HP_CUDA_RETURN_IF_ERROR(
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return Stream(stream);
  }

  Stream(Stream&& other) noexcept
      : stream_(std::exchange(other.stream_, nullptr)) {}

  Stream& operator=(Stream&&) = delete;

  ~Stream() {
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }

  [[nodiscard]] cudaStream_t get() const { return stream_; }

 private:
  explicit Stream(cudaStream_t stream) : stream_(stream) {}

  cudaStream_t stream_;
};

// Both directions at once, as the offloads run.
absl::Status MeasureCopies(at::Device device, DeviceRates* rates) {
  HP_ASSIGN_OR_RETURN(const PinnedBlock host, PinnedBlock::Create());
  HP_ASSIGN_OR_RETURN(const Stream up, Stream::Create());
  HP_ASSIGN_OR_RETURN(const Stream down, Stream::Create());
  const at::Tensor memory =
      at::empty({static_cast<int64_t>(2 * kCopyBytes)},
                at::TensorOptions().device(device).dtype(at::kByte));
  char* on_device = static_cast<char*>(memory.mutable_data_ptr());
  HP_RETURN_IF_ERROR(SynchronizeCompute(device));
  HP_ASSIGN_OR_RETURN(EventPtr begin, CudaEvent::Record(up.get()));
  HP_RETURN_IF_ERROR(WaitForEvent(down.get(), *begin));
  for (int i = 0; i < kCopies; ++i) {
    HP_CUDA_RETURN_IF_ERROR(cudaMemcpyAsync(on_device, host.data(), kCopyBytes,
                                            cudaMemcpyHostToDevice, up.get()));
    HP_CUDA_RETURN_IF_ERROR(
        cudaMemcpyAsync(host.data() + kCopyBytes, on_device + kCopyBytes,
                        kCopyBytes, cudaMemcpyDeviceToHost, down.get()));
  }
  HP_ASSIGN_OR_RETURN(EventPtr up_end, CudaEvent::Record(up.get()));
  HP_ASSIGN_OR_RETURN(EventPtr down_end, CudaEvent::Record(down.get()));
  HP_RETURN_IF_ERROR(SynchronizeStream(up.get()));
  HP_RETURN_IF_ERROR(SynchronizeStream(down.get()));
  constexpr double kBytes = static_cast<double>(kCopies * kCopyBytes);
  HP_ASSIGN_OR_RETURN(double up_seconds, up_end->SecondsSince(*begin));
  HP_ASSIGN_OR_RETURN(double down_seconds, down_end->SecondsSince(*begin));
  rates->host_to_device_bytes_per_second = kBytes / up_seconds;
  rates->device_to_host_bytes_per_second = kBytes / down_seconds;
  return absl::OkStatus();
}

// The kernels of a block in about a block's proportions, over and over: alone
// each would run at a clock that the mixture does not reach.
class Mixture {
 public:
  explicit Mixture(at::Device device)
      : backend_(ChooseAttention(AttentionDeviceOf(device), at::kBFloat16,
                                 kHeadDim,
                                 /*deterministic=*/false)) {
    const auto bf16 = at::TensorOptions().device(device).dtype(at::kBFloat16);
    x_ = at::randn({1, kTokens, kWidth}, bf16);
    weight_ = at::randn({kFfn, kWidth}, bf16).mul_(0.01);
    y_ = at::empty({kTokens, kFfn}, bf16);
    gate_ = at::randn({1, 1, kWidth}, bf16.dtype(at::kFloat));
    q_ = at::randn({1, kTokens, kHeads, kHeadDim}, bf16);
    k_ = at::randn({1, kTokens, kHeads, kHeadDim}, bf16);
    v_ = at::randn({1, kTokens, kHeads, kHeadDim}, bf16);
  }

  void Run() {
    {
      const KernelScope scope(KernelGroup::kLinear, /*on_cuda=*/true);
      for (int i = 0; i < kProducts; ++i) {
        at::mm_out(y_, x_[0], weight_.t());
      }
    }
    AttentionSaved saved;
    Attention(q_, k_, v_, backend_, &saved);
    AttentionBackward(q_, q_, k_, v_, saved, backend_);
    const KernelScope scope(KernelGroup::kNorm, /*on_cuda=*/true);
    for (int i = 0; i < kResiduals; ++i) GatedResidual(x_, gate_, v_view());
  }

  // From the seconds of `runs` runs.
  void Fill(const GroupSeconds& seconds, int runs, DeviceRates* rates) const {
    const auto rate = [&](KernelGroup group, double work) {
      return work * runs / seconds[static_cast<size_t>(group)];
    };
    constexpr double kProduct =
        2.0 * static_cast<double>(kTokens * kWidth * kFfn);
    constexpr double kAttention =
        4.0 * static_cast<double>(kTokens * kTokens * kWidth);
    constexpr double kRows = 2.0 * static_cast<double>(kTokens * kWidth);
    rates->matmul_flops_per_second =
        rate(KernelGroup::kLinear, kProducts * kProduct);
    rates->attention_forward_flops_per_second =
        rate(KernelGroup::kAttentionForward, kAttention);
    rates->attention_backward_flops_per_second =
        rate(KernelGroup::kAttentionBackward, 2.5 * kAttention);
    rates->elementwise_bytes_per_second =
        rate(KernelGroup::kNorm, kResiduals * 3.0 * kRows);
  }

 private:
  static constexpr int kProducts = 5;
  static constexpr int kResiduals = 8;

  [[nodiscard]] at::Tensor v_view() const {
    return v_.view({1, kTokens, kWidth});
  }

  AttentionBackend backend_;
  at::Tensor x_, weight_, y_, gate_, q_, k_, v_;
};

// While the device is as warm as the mixture made it.
absl::Status MeasureFp8Products(at::Device device, DeviceRates* rates) {
  if (!HasFp8Products(device)) return absl::OkStatus();
  const auto bf16 = at::TensorOptions().device(device).dtype(at::kBFloat16);
  const Fp8Matrix x = QuantiseRows(at::randn({kTokens, kWidth}, bf16));
  const Fp8Matrix weight = QuantiseRows(at::randn({kFfn, kWidth}, bf16));
  KernelProfile profile;
  profile.Start();
  for (int i = 0; i < kFp8Products; ++i) {
    (void)Fp8Product(x, weight, /*bias=*/{}, at::kBFloat16);
  }
  profile.Stop();
  HP_RETURN_IF_ERROR(SynchronizeCompute(device));
  HP_ASSIGN_OR_RETURN(const GroupSeconds seconds, profile.Take());
  rates->fp8_matmul_flops_per_second =
      2.0 * static_cast<double>(kTokens * kWidth * kFfn) * kFp8Products /
      seconds[static_cast<size_t>(KernelGroup::kLinear)];
  return absl::OkStatus();
}

absl::Status MeasureKernels(at::Device device, DeviceRates* rates) {
  Mixture mixture(device);
  const absl::Time warm = SteadyNow() + kWarmUp;
  while (SteadyNow() < warm) {
    mixture.Run();
    HP_RETURN_IF_ERROR(SynchronizeCompute(device));
  }
  KernelProfile profile;
  profile.Start();
  int runs = 0;
  const absl::Time end = SteadyNow() + kMeasured;
  while (runs == 0 || SteadyNow() < end) {
    mixture.Run();
    ++runs;
    HP_RETURN_IF_ERROR(SynchronizeCompute(device));
  }
  profile.Stop();
  HP_ASSIGN_OR_RETURN(const GroupSeconds seconds, profile.Take());
  mixture.Fill(seconds, runs, rates);
  return MeasureFp8Products(device, rates);
}

}  // namespace

absl::StatusOr<DeviceRates> MeasureDeviceRates(at::Device device,
                                               const DeviceRates* known) {
  return TorchGuard(
      "measuring the device", [&]() -> absl::StatusOr<DeviceRates> {
        HP_ASSIGN_OR_RETURN(GpuFacts facts, DescribeGpu(device.index()));
        DeviceRates rates;
        if (known != nullptr) {
          rates = *known;
          Mixture(device).Run();
          HP_RETURN_IF_ERROR(SynchronizeCompute(device));
        } else {
          HP_RETURN_IF_ERROR(MeasureKernels(device, &rates));
          HP_RETURN_IF_ERROR(MeasureCopies(device, &rates));
        }
        rates.name = facts.name;
        rates.total_bytes = facts.total_bytes;
        rates.link_uses_pcie = !facts.peers_by_nvlink;
        rates.link_bytes_per_second =
            facts.peers_by_nvlink
                ? kNvLinkBytesPerSecond
                : std::min(rates.host_to_device_bytes_per_second,
                           rates.device_to_host_bytes_per_second);
        c10::cuda::CUDACachingAllocator::emptyCache();
        HP_ASSIGN_OR_RETURN(DriverMemory after, ReadDriverMemory());
        // What measuring left behind (kernels, workspaces) is ours too.
        const int64_t grown =
            std::max<int64_t>(0, facts.free_bytes - after.free_bytes);
        rates.fixed_bytes = kContextBytes + kLaterBytes + grown;
        rates.free_bytes =
            std::min(rates.total_bytes, facts.free_bytes + kContextBytes);
        return rates;
      });
}

}  // namespace halfpipe
