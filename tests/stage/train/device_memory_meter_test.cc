#include "stage/train/device_memory_meter.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(DeviceMemoryMeterTest, OnTheCpuThereIsNoDeviceMemory) {
  AdamW optimizer({}, {});
  const DeviceMemoryMeter meter({}, optimizer, at::kCPU);
  EXPECT_EQ(meter.At({}), DeviceMemoryUse());
}

TEST(DeviceMemoryMeterTest, ThePartsAddUpToTheDevice) {
  // The tensors are on the CPU, which stands for the device: what the driver
  // says is the test's own.
  LoraAdapter adapter = MakeLoraAdapter(
      "blocks.0.self_attn.q", /*in=*/8, /*out=*/8, /*rank=*/4, /*scale=*/1.0,
      at::kCPU, [](absl::string_view, at::Tensor out) { out.fill_(0.5); });
  AdamW optimizer({adapter.a.master, adapter.b.master}, {});
  const DeviceMemoryMeter meter({&adapter}, optimizer, at::kCPU);
  const DeviceMemoryUse use = meter.At({.in_use_bytes = 900,
                                        .in_use_peak_bytes = 2000,
                                        .driver_free_bytes = 5000,
                                        .driver_total_bytes = 10000});
  constexpr int64_t kMatrices = int64_t{2} * 4 * 8 * 4;  // two, of fp32
  EXPECT_EQ(use.lora_bytes, 2 * kMatrices);       // masters and gradients
  EXPECT_EQ(use.optimizer_bytes, 2 * kMatrices);  // two moments
  EXPECT_EQ(use.activations_bytes,
            2000 - use.weights_bytes - use.lora_bytes - use.optimizer_bytes);
  EXPECT_EQ(use.workspace_bytes, 5000 - 2000);
  EXPECT_EQ(use.free_bytes, 5000);
  EXPECT_EQ(use.weights_bytes + use.lora_bytes + use.optimizer_bytes +
                use.activations_bytes + use.workspace_bytes + use.free_bytes,
            10000);
}

}  // namespace
}  // namespace halfpipe
