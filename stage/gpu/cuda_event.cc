#include "stage/gpu/cuda_event.h"

#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_errors.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kPollInterval = absl::Microseconds(50);

cudaEvent_t Native(const Event& event) {
  return static_cast<cudaEvent_t>(event.native());
}

}  // namespace

absl::StatusOr<EventPtr> CudaEvent::Record(cudaStream_t stream, Health health) {
  cudaEvent_t native = nullptr;
  HP_CUDA_RETURN_IF_ERROR(cudaEventCreate(&native));
  std::shared_ptr<CudaEvent> event(new CudaEvent(native, std::move(health)));
  HP_CUDA_RETURN_IF_ERROR(cudaEventRecord(native, stream));
  return event;
}

CudaEvent::~CudaEvent() { (void)cudaEventDestroy(event_); }

absl::Status CudaEvent::CheckHealth() const {
  return health_ ? health_() : absl::OkStatus();
}

// Polled instead of cudaEventSynchronize, which nothing could interrupt.
absl::Status CudaEvent::WaitOnHost(absl::Time deadline) const {
  while (true) {
    HP_RETURN_IF_ERROR(CheckHealth());
    const cudaError_t result = cudaEventQuery(event_);
    if (result == cudaSuccess) return CheckHealth();
    if (result != cudaErrorNotReady) {
      return CudaStatus(result, "cudaEventQuery");
    }
    // A query that is not ready is recorded as the last error: forget it.
    (void)cudaGetLastError();
    if (SteadyNow() >= deadline) {
      return absl::DeadlineExceededError("the device has not come this far");
    }
    absl::SleepFor(kPollInterval);
  }
}

absl::StatusOr<double> CudaEvent::SecondsSince(const Event& origin) const {
  if (origin.native() == nullptr) {
    return absl::FailedPreconditionError(
        "time between a device event and a host event is not defined");
  }
  float milliseconds = 0.0F;
  const cudaError_t result =
      cudaEventElapsedTime(&milliseconds, Native(origin), event_);
  if (result == cudaErrorNotReady) {
    (void)cudaGetLastError();
    return absl::FailedPreconditionError("an event is not set yet");
  }
  HP_RETURN_IF_ERROR(CudaStatus(result, "cudaEventElapsedTime"));
  return static_cast<double>(milliseconds) * 1e-3;
}

absl::Status WaitForEvent(cudaStream_t stream, const Event& event) {
  HP_CUDA_RETURN_IF_ERROR(cudaStreamWaitEvent(stream, Native(event), 0));
  return absl::OkStatus();
}

absl::Status SynchronizeStream(cudaStream_t stream) {
  HP_CUDA_RETURN_IF_ERROR(cudaStreamSynchronize(stream));
  return absl::OkStatus();
}

absl::StatusOr<DriverMemory> ReadDriverMemory() {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  HP_CUDA_RETURN_IF_ERROR(cudaMemGetInfo(&free_bytes, &total_bytes));
  return DriverMemory{.free_bytes = static_cast<int64_t>(free_bytes),
                      .total_bytes = static_cast<int64_t>(total_bytes)};
}

}  // namespace halfpipe
