#include "stage/activations/host_copies.h"

#include "common/base/status.h"
#include "stage/kernels/tensor_bridge.h"

#ifdef HP_WITH_CUDA
#include "stage/activations/cuda_host_copies.h"
#endif

namespace halfpipe {
namespace {

class CpuHostCopy : public HostCopy {
 public:
  CpuHostCopy(at::Tensor tensor, int64_t* host_bytes)
      : tensor_(std::move(tensor)), host_bytes_(host_bytes) {
    *host_bytes_ += bytes();
  }

  CpuHostCopy(const CpuHostCopy&) = delete;
  CpuHostCopy& operator=(const CpuHostCopy&) = delete;

  ~CpuHostCopy() override { *host_bytes_ -= bytes(); }

  [[nodiscard]] const at::Tensor& tensor() const { return tensor_; }

 private:
  [[nodiscard]] int64_t bytes() const {
    return static_cast<int64_t>(ByteSize(tensor_));
  }

  at::Tensor tensor_;
  int64_t* host_bytes_;
};

// The bytes move on the CPU too, so that a wrong copy is seen there.
class CpuHostCopies : public HostCopies {
 public:
  absl::StatusOr<std::unique_ptr<HostCopy>> Offload(
      const at::Tensor& tensor) override {
    return std::make_unique<CpuHostCopy>(tensor.clone(), &host_bytes_);
  }

  absl::Status EndOffloads() override { return absl::OkStatus(); }

  absl::Status ReleaseOffloads() override { return absl::OkStatus(); }

  absl::StatusOr<at::Tensor> Fetch(HostCopy& copy) override {
    return static_cast<CpuHostCopy&>(copy).tensor().clone();
  }

  absl::StatusOr<std::unique_ptr<Arrival>> EndFetches() override {
    return std::make_unique<Arrival>();
  }

  absl::Status Await(const Arrival& /*arrival*/) override {
    return absl::OkStatus();
  }

  absl::Status Drain() override { return absl::OkStatus(); }

  [[nodiscard]] int64_t host_bytes() const override { return host_bytes_; }

 private:
  int64_t host_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostCopies>> MakeHostCopies(
    const at::Device& device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) return MakeCudaHostCopies(device);
#endif
  HP_CHECK(device.is_cpu());
  return std::make_unique<CpuHostCopies>();
}

}  // namespace halfpipe
