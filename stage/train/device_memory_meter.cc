#include "stage/train/device_memory_meter.h"

#include <algorithm>

namespace halfpipe {
namespace {

// Of a tensor that lies on `device`; of others nothing.
int64_t BytesOn(const at::Tensor& tensor, at::Device device) {
  if (!tensor.defined() || tensor.device() != device) return 0;
  return static_cast<int64_t>(tensor.nbytes());
}

}  // namespace

DeviceMemoryMeter::DeviceMemoryMeter(const std::vector<LoraAdapter*>& adapters,
                                     const AdamW& optimizer,
                                     at::Device device) {
  for (const LoraAdapter* adapter : adapters) {
    for (const LoraParameter* parameter : {&adapter->a, &adapter->b}) {
      lora_bytes_ += BytesOn(parameter->master, device) +
                     BytesOn(parameter->compute, device) +
                     BytesOn(parameter->grad, device);
    }
  }
  for (const auto* moments :
       {&optimizer.first_moments(), &optimizer.second_moments()}) {
    for (const at::Tensor& moment : *moments) {
      optimizer_bytes_ += BytesOn(moment, device);
    }
  }
  const absl::StatusOr<DeviceMemory> loaded = ReadDeviceMemory(device);
  if (!loaded.ok()) return;
  weights_bytes_ = std::max<int64_t>(
      0, loaded->in_use_bytes - lora_bytes_ - optimizer_bytes_);
  BeginPeakInUse(device);
}

DeviceMemoryUse DeviceMemoryMeter::At(const DeviceMemory& memory) const {
  DeviceMemoryUse use;
  if (memory.driver_total_bytes == 0) return use;
  use.weights_bytes = weights_bytes_;
  use.lora_bytes = lora_bytes_;
  use.optimizer_bytes = optimizer_bytes_;
  const int64_t lasting = weights_bytes_ + lora_bytes_ + optimizer_bytes_;
  use.activations_bytes =
      std::max<int64_t>(0, memory.in_use_peak_bytes - lasting);
  // The allocator keeps what it once took, so the driver counts the peak.
  const int64_t taken = memory.driver_total_bytes - memory.driver_free_bytes;
  use.workspace_bytes =
      std::max<int64_t>(0, taken - lasting - use.activations_bytes);
  use.free_bytes =
      std::max<int64_t>(0, memory.driver_total_bytes - lasting -
                               use.activations_bytes - use.workspace_bytes);
  return use;
}

}  // namespace halfpipe
