// The compute stream of one device, as the interpreter's events see it.
#ifndef HP_STAGE_TRAIN_COMPUTE_STREAM_H_
#define HP_STAGE_TRAIN_COMPUTE_STREAM_H_

#include <ATen/core/Tensor.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// An event behind everything enqueued so far on the calling thread's current
// stream of `device`; on the CPU, where work is done when the call returns, an
// event that is set.
[[nodiscard]] absl::StatusOr<EventPtr> RecordComputeEvent(at::Device device);

// Orders later work on that stream behind `event` without blocking the host;
// on the CPU it waits, up to `limit`.
[[nodiscard]] absl::Status OrderBehind(const EventPtr& event, at::Device device,
                                       absl::Duration limit);

// Waits on the host for everything enqueued so far.
[[nodiscard]] absl::Status SynchronizeCompute(at::Device device);

// Zeros on the CPU.
struct DeviceMemory {
  int64_t in_use_bytes = 0;       // by tensors, now
  int64_t in_use_peak_bytes = 0;  // the most since BeginPeakInUse
  // What the driver counts beside the allocator: context, NCCL, workspaces.
  // REQUIRES of the estimate: nobody else uses the device.
  int64_t beside_bytes = 0;
  int64_t process_peak_bytes = 0;  // the allocator's reserved peak, and these
  int64_t driver_free_bytes = 0;
  int64_t driver_total_bytes = 0;
};

[[nodiscard]] absl::StatusOr<DeviceMemory> ReadDeviceMemory(at::Device device);

// From now on this process takes at most `bytes` of the device, with what it
// holds beside tensors and with what NCCL will take; 0: no limit. Beyond it an
// allocation fails as if the device were full. Nothing happens on the CPU.
[[nodiscard]] absl::Status LimitDeviceMemory(at::Device device, int64_t bytes);

// Gives the memory that no tensor uses back to the device. Nothing happens on
// the CPU.
void ReleaseCachedMemory(at::Device device);

// Starts a new measurement of the reserved peak.
void ResetPeakMemory(at::Device device);

// Starts a new measurement of in_use_peak_bytes, and of that alone. One device
// a process.
void BeginPeakInUse(at::Device device);

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_COMPUTE_STREAM_H_
