#include "stage/train/compute_stream.h"

#include <algorithm>
#include <atomic>

#include "common/base/status.h"
#include "stage/runtime/host_event.h"

#ifdef HP_WITH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>

#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_event.h"
#endif

namespace halfpipe {

#ifdef HP_WITH_CUDA
namespace {

// What a communicator of two ranks takes when it is made, and kernels that the
// driver loads at their first use: 0.9 GiB on an H200.
constexpr int64_t kNcclBytes = int64_t{480} << 20;

// The allocator resets all of its peaks together: the reserved one until then.
std::atomic<int64_t> reserved_peak_before = 0;

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
  return event->WaitOnHost(SteadyNow() + limit);
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
    memory.in_use_peak_bytes = stats.allocated_bytes[kAll].peak;
    HP_ASSIGN_OR_RETURN(DriverMemory driver, ReadDriverMemory());
    memory.driver_free_bytes = driver.free_bytes;
    memory.driver_total_bytes = driver.total_bytes;
    memory.beside_bytes = driver.total_bytes - driver.free_bytes -
                          stats.reserved_bytes[kAll].current;
    memory.process_peak_bytes =
        std::max(reserved_peak_before.load(), stats.reserved_bytes[kAll].peak) +
        memory.beside_bytes;
  }
#endif
  return memory;
}

absl::Status LimitDeviceMemory(at::Device device, int64_t bytes) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) {
    double fraction = 1.0;
    if (bytes > 0) {
      HP_ASSIGN_OR_RETURN(DeviceMemory memory, ReadDeviceMemory(device));
      fraction = static_cast<double>(bytes - memory.beside_bytes - kNcclBytes) /
                 static_cast<double>(memory.driver_total_bytes);
    }
    c10::cuda::CUDACachingAllocator::setMemoryFraction(
        std::clamp(fraction, 0.0, 1.0), device.index());
  }
#endif
  (void)device;
  (void)bytes;
  return absl::OkStatus();
}

void ReleaseCachedMemory(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) c10::cuda::CUDACachingAllocator::emptyCache();
#endif
  (void)device;
}

void ResetPeakMemory(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) {
    reserved_peak_before = 0;
    c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
  }
#endif
  (void)device;
}

void BeginPeakInUse(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) {
    constexpr size_t kAll =
        static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    const int64_t peak =
        c10::cuda::CUDACachingAllocator::getDeviceStats(device.index())
            .reserved_bytes[kAll]
            .peak;
    reserved_peak_before = std::max(reserved_peak_before.load(), peak);
    c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
  }
#endif
  (void)device;
}

}  // namespace halfpipe
