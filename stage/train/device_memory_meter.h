// What a GPU's memory holds, by use: for metrics.
#ifndef HP_STAGE_TRAIN_DEVICE_MEMORY_METER_H_
#define HP_STAGE_TRAIN_DEVICE_MEMORY_METER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "common/jobs/step_plan.h"
#include "stage/lora/lora_adapter.h"
#include "stage/train/adamw.h"
#include "stage/train/compute_stream.h"

namespace halfpipe {

// Knows what a job's lasting tensors take; the allocator and the driver know
// the rest. Not thread-safe.
class DeviceMemoryMeter {
 public:
  // Made when the job is loaded and nothing else is on the device: what is in
  // use then and is neither the adapters' nor the optimizer's are the weights.
  // Begins a new measurement of the peak in use.
  DeviceMemoryMeter(const std::vector<LoraAdapter*>& adapters,
                    const AdamW& optimizer, at::Device device);

  // The parts of what `memory` says. What other processes hold of the device
  // counts as workspace.
  [[nodiscard]] DeviceMemoryUse At(const DeviceMemory& memory) const;

 private:
  int64_t lora_bytes_ = 0;
  int64_t optimizer_bytes_ = 0;
  int64_t weights_bytes_ = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_DEVICE_MEMORY_METER_H_
