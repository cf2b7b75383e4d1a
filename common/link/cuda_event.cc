#include "common/link/cuda_event.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/link/cuda_errors.h"

namespace halfpipe {
namespace {

// Polled instead of cudaEventSynchronize, which nothing could interrupt.
constexpr absl::Duration kPollInterval = absl::Microseconds(100);
constexpr double kMillisecondsPerSecond = 1e3;

}  // namespace

CudaEvent::CudaEvent(cudaEvent_t event, Health health)
    : event_(event), health_(std::move(health)) {}

CudaEvent::~CudaEvent() { cudaEventDestroy(event_); }

absl::StatusOr<EventPtr> CudaEvent::Record(cudaStream_t stream, Health health) {
  cudaEvent_t event = nullptr;
  HP_CUDA_RETURN_IF_ERROR(cudaEventCreate(&event));
  EventPtr owned(new CudaEvent(event, std::move(health)));
  HP_CUDA_RETURN_IF_ERROR(cudaEventRecord(event, stream));
  return owned;
}

absl::Status CudaEvent::WaitOnHost(absl::Time deadline) const {
  while (true) {
    HP_RETURN_IF_ERROR(health_());
    const cudaError_t state = cudaEventQuery(event_);
    if (state == cudaSuccess) return health_();
    if (state != cudaErrorNotReady) return CudaStatus(state, "cudaEventQuery");
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError("event not set in time");
    }
    absl::SleepFor(kPollInterval);
  }
}

absl::StatusOr<double> CudaEvent::SecondsSince(const Event& origin) const {
  if (origin.native() == nullptr) {
    return absl::FailedPreconditionError(
        "a CUDA event cannot be compared with an event of the host");
  }
  float milliseconds = 0.0F;
  const cudaError_t error = cudaEventElapsedTime(
      &milliseconds, static_cast<cudaEvent_t>(origin.native()), event_);
  if (error == cudaErrorNotReady) {
    return absl::FailedPreconditionError("the event is not set");
  }
  HP_RETURN_IF_ERROR(CudaStatus(error, "cudaEventElapsedTime"));
  return milliseconds / kMillisecondsPerSecond;
}

}  // namespace halfpipe
