#include "stage/gpu/gpu_probe.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(GpuProbeTest, WritesVersionsAsCudaDoes) {
  EXPECT_EQ(CudaVersionText(13000), "13.0");
  EXPECT_EQ(CudaVersionText(12080), "12.8");
}

// On a machine without a GPU: nothing found, nothing failed. With GPUs: every
// one of them and every ordered pair.
TEST(GpuProbeTest, SaysWhatIsThere) {
  const MachineProbe machine = ProbeMachine();
  EXPECT_EQ(machine.cuda_version.substr(0, 3), "13.");
  const size_t count = machine.gpus.size();
  EXPECT_EQ(static_cast<int>(count), GpuCount());
  EXPECT_EQ(machine.links.size(), count * (count - (count > 0 ? 1 : 0)));
  for (const GpuProbe& gpu : machine.gpus) {
    EXPECT_TRUE(gpu.status.ok()) << gpu.status;
    EXPECT_GT(gpu.host_to_device_bytes_per_second, 1e8);
  }
  for (const GpuLinkProbe& link : machine.links) {
    EXPECT_TRUE(link.status.ok()) << link.status;
    EXPECT_GT(link.bytes_per_second, 1e8);
  }
}

}  // namespace
}  // namespace halfpipe
