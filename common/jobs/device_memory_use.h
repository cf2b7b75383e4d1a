// A GPU's memory by what it is used for, as a stage measures it and as the
// memory plan expects it.
#ifndef HP_COMMON_JOBS_DEVICE_MEMORY_USE_H_
#define HP_COMMON_JOBS_DEVICE_MEMORY_USE_H_

#include <cstdint>

namespace halfpipe {

// At the moment at which most of the memory is in use, bytes. Of a measurement
// the parts add up to the device, of a forecast to the plan's budget. All 0:
// not known, as on the CPU.
struct DeviceMemoryUse {
  int64_t weights_bytes = 0;    // frozen ones
  int64_t lora_bytes = 0;       // masters, compute copies, gradients
  int64_t optimizer_bytes = 0;  // moments, where the device holds them
  // Everything else that tensors held: saved for backward passes, on its way,
  // in between.
  int64_t activations_bytes = 0;
  int64_t workspace_bytes = 0;  // the process beside tensors: context, NCCL,
                                // libraries, what the allocator keeps
  int64_t free_bytes = 0;       // the rest

  friend bool operator==(const DeviceMemoryUse&,
                         const DeviceMemoryUse&) = default;
};

// What the memory plan expects of one stage.
struct StageForecast {
  int64_t peak_bytes = 0;       // of its device
  int64_t budget_bytes = 0;     // of its device
  int64_t pinned_bytes = 0;     // of its host
  DeviceMemoryUse memory = {};  // the budget by use, at the peak

  friend bool operator==(const StageForecast&, const StageForecast&) = default;
};

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_DEVICE_MEMORY_USE_H_
