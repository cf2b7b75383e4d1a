#include "stage/activations/cuda_host_copies.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <deque>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "stage/activations/cuda_host_pinning.h"
#include "stage/activations/pinned_pool.h"
#include "stage/gpu/cuda_errors.h"
#include "stage/gpu/cuda_event.h"
#include "stage/kernels/tensor_bridge.h"

namespace halfpipe {
namespace {

class CudaHostCopy : public HostCopy {
 public:
  CudaHostCopy(PinnedPool* pool, PinnedBuffer buffer, const at::Tensor& like)
      : pool_(pool),
        buffer_(std::move(buffer)),
        sizes_(like.sizes().vec()),
        options_(like.options()) {}

  CudaHostCopy(const CudaHostCopy&) = delete;
  CudaHostCopy& operator=(const CudaHostCopy&) = delete;

  ~CudaHostCopy() override { pool_->Return(std::move(buffer_)); }

  [[nodiscard]] const PinnedBuffer& buffer() const { return buffer_; }

  // `event` is behind the newest copy from or to the buffer.
  void set_last_use(EventPtr event) { buffer_.last_use = std::move(event); }

  [[nodiscard]] at::Tensor MakeDeviceTensor() const {
    return at::empty(sizes_, options_);
  }

 private:
  PinnedPool* pool_;
  PinnedBuffer buffer_;
  std::vector<int64_t> sizes_;
  at::TensorOptions options_;
};

class CudaArrival : public Arrival {
 public:
  explicit CudaArrival(EventPtr event) : event_(std::move(event)) {}

  [[nodiscard]] const EventPtr& event() const { return event_; }

 private:
  EventPtr event_;
};

// A block's device tensors whose copies to the host are under way.
struct Leaving {
  std::vector<at::Tensor> tensors;
  EventPtr copied;
};

class CudaHostCopies : public HostCopies {
 public:
  explicit CudaHostCopies(const at::Device& device) : device_(device) {}

  CudaHostCopies(const CudaHostCopies&) = delete;
  CudaHostCopies& operator=(const CudaHostCopies&) = delete;

  ~CudaHostCopies() override {
    Drain().IgnoreError();
    if (to_host_ != nullptr) cudaStreamDestroy(to_host_);
    if (to_device_ != nullptr) cudaStreamDestroy(to_device_);
  }

  absl::Status Init() {
    HP_CUDA_RETURN_IF_ERROR(
        cudaStreamCreateWithFlags(&to_host_, cudaStreamNonBlocking));
    HP_CUDA_RETURN_IF_ERROR(
        cudaStreamCreateWithFlags(&to_device_, cudaStreamNonBlocking));
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<HostCopy>> Offload(
      const at::Tensor& tensor) override {
    HP_CHECK(tensor.is_contiguous());
    HP_ASSIGN_OR_RETURN(PinnedBuffer buffer, pool_.Take(ByteSize(tensor)));
    auto copy =
        std::make_unique<CudaHostCopy>(&pool_, std::move(buffer), tensor);
    HP_RETURN_IF_ERROR(OrderBehindCompute(to_host_));
    HP_RETURN_IF_ERROR(OrderBehind(to_host_, copy->buffer().last_use));
    HP_CUDA_RETURN_IF_ERROR(cudaMemcpyAsync(
        copy->buffer().data, tensor.const_data_ptr(), copy->buffer().bytes,
        cudaMemcpyDeviceToHost, to_host_));
    HP_ASSIGN_OR_RETURN(EventPtr copied, CudaEvent::Record(to_host_));
    copy->set_last_use(std::move(copied));
    offloading_.push_back(tensor);
    return std::unique_ptr<HostCopy>(std::move(copy));
  }

  absl::Status EndOffloads() override {
    // A block that offloads nothing counts: those before it get older by one.
    if (offloading_.empty() && leaving_.empty()) return absl::OkStatus();
    HP_ASSIGN_OR_RETURN(EventPtr copied, CudaEvent::Record(to_host_));
    leaving_.push_back({std::exchange(offloading_, {}), std::move(copied)});
    return ReleaseDownTo(kOffloadDepth);
  }

  absl::Status ReleaseOffloads() override { return ReleaseDownTo(0); }

  absl::StatusOr<at::Tensor> Fetch(HostCopy& copy) override {
    auto& from = static_cast<CudaHostCopy&>(copy);
    at::Tensor tensor = from.MakeDeviceTensor();
    // Work enqueued before may still use this memory.
    HP_RETURN_IF_ERROR(OrderBehindCompute(to_device_));
    HP_RETURN_IF_ERROR(OrderBehind(to_device_, from.buffer().last_use));
    HP_CUDA_RETURN_IF_ERROR(cudaMemcpyAsync(
        tensor.mutable_data_ptr(), from.buffer().data, from.buffer().bytes,
        cudaMemcpyHostToDevice, to_device_));
    HP_ASSIGN_OR_RETURN(EventPtr copied, CudaEvent::Record(to_device_));
    from.set_last_use(std::move(copied));
    return tensor;
  }

  absl::StatusOr<std::unique_ptr<Arrival>> EndFetches() override {
    HP_ASSIGN_OR_RETURN(EventPtr arrived, CudaEvent::Record(to_device_));
    return std::make_unique<CudaArrival>(std::move(arrived));
  }

  absl::Status Await(const Arrival& arrival) override {
    return OrderBehind(Compute(),
                       static_cast<const CudaArrival&>(arrival).event());
  }

  absl::Status Drain() override {
    if (to_host_ != nullptr) HP_RETURN_IF_ERROR(SynchronizeStream(to_host_));
    if (to_device_ != nullptr) {
      HP_RETURN_IF_ERROR(SynchronizeStream(to_device_));
    }
    offloading_.clear();
    leaving_.clear();
    return absl::OkStatus();
  }

  [[nodiscard]] int64_t host_bytes() const override { return pool_.bytes(); }

 private:
  // Keeps the newest `blocks` blocks' tensors. The allocator hands memory out
  // again in the compute stream's order, so it is enough that this one waits.
  absl::Status ReleaseDownTo(size_t blocks) {
    while (leaving_.size() > blocks) {
      HP_RETURN_IF_ERROR(OrderBehind(Compute(), leaving_.front().copied));
      leaving_.pop_front();
    }
    return absl::OkStatus();
  }

  [[nodiscard]] cudaStream_t Compute() const {
    return c10::cuda::getCurrentCUDAStream(device_.index()).stream();
  }

  static absl::Status OrderBehind(cudaStream_t stream, const EventPtr& event) {
    if (event == nullptr) return absl::OkStatus();
    return WaitForEvent(stream, *event);
  }

  [[nodiscard]] absl::Status OrderBehindCompute(cudaStream_t stream) const {
    HP_ASSIGN_OR_RETURN(EventPtr now, CudaEvent::Record(Compute()));
    return WaitForEvent(stream, *now);
  }

  const at::Device device_;
  cudaStream_t to_host_ = nullptr;
  cudaStream_t to_device_ = nullptr;
  PinnedPool pool_{NewCudaHostPinning()};
  std::vector<at::Tensor> offloading_;  // of the block being offloaded
  std::deque<Leaving> leaving_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostCopies>> MakeCudaHostCopies(
    const at::Device& device) {
  auto copies = std::make_unique<CudaHostCopies>(device);
  HP_RETURN_IF_ERROR(copies->Init());
  return std::unique_ptr<HostCopies>(std::move(copies));
}

}  // namespace halfpipe
