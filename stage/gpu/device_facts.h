// What there is to say about the GPUs of this machine.
#ifndef HP_STAGE_GPU_DEVICE_FACTS_H_
#define HP_STAGE_GPU_DEVICE_FACTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace halfpipe {

struct GpuFacts {
  std::string name;  // "NVIDIA H200"
  std::string uuid;  // "GPU-xxxxxxxx-...", as nvidia-smi and DCGM print it
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  // Changes with every driver: its version, and CUDA's, "580.82.07 13000".
  std::string driver;
  // Another visible GPU can be reached over NVLink.
  bool peers_by_nvlink = false;
};

// GPUs that this process may use; 0 without a driver. Never fails.
[[nodiscard]] int GpuCount();

// Makes `index` the calling thread's device and describes it.
// FailedPrecondition for a GPU that is not there.
[[nodiscard]] absl::StatusOr<GpuFacts> DescribeGpu(int index);

}  // namespace halfpipe

#endif  // HP_STAGE_GPU_DEVICE_FACTS_H_
