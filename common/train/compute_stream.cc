#include "common/train/compute_stream.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/runtime/host_event.h"

#ifdef HP_WITH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>

#include "common/gpu/cuda_event.h"
#endif

namespace halfpipe {

#ifdef HP_WITH_CUDA
namespace {

cudaStream_t StreamOf(at::Device device) {
  return c10::cuda::getCurrentCUDAStream(device.index()).stream();
}

}  // namespace
#endif

absl::StatusOr<EventPtr> RecordComputeEvent(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) return CudaEvent::Record(StreamOf(device));
#endif
  HP_CHECK(device.is_cpu());
  return HostEvent::Now();
}

absl::Status OrderBehind(const EventPtr& event, at::Device device,
                         absl::Duration limit) {
  if (event == nullptr) return absl::OkStatus();
#ifdef HP_WITH_CUDA
  if (device.is_cuda() && event->native() != nullptr) {
    return WaitForEvent(StreamOf(device), *event);
  }
#endif
  HP_CHECK(device.is_cpu() || event->native() == nullptr);
  return event->WaitOnHost(absl::Now() + limit);
}

absl::Status SynchronizeCompute(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) return SynchronizeStream(StreamOf(device));
#endif
  HP_CHECK(device.is_cpu());
  return absl::OkStatus();
}

absl::StatusOr<DeviceMemory> ReadDeviceMemory(at::Device device) {
  DeviceMemory memory;
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) {
    const auto stats =
        c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
    constexpr size_t kAll =
        static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    memory.in_use_bytes = stats.allocated_bytes[kAll].current;
    HP_ASSIGN_OR_RETURN(DriverMemory driver, ReadDriverMemory());
    memory.driver_free_bytes = driver.free_bytes;
    memory.driver_total_bytes = driver.total_bytes;
    const int64_t beside = driver.total_bytes - driver.free_bytes -
                           stats.reserved_bytes[kAll].current;
    memory.process_peak_bytes = stats.reserved_bytes[kAll].peak + beside;
  }
#endif
  return memory;
}

void ResetPeakMemory(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) {
    c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
  }
#endif
  (void)device;
}

}  // namespace halfpipe
