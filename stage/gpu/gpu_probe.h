// What the GPUs of this machine do when they are asked to move bytes: for
// `halfpipe doctor`. CUDA's runtime alone.
#ifndef HP_STAGE_GPU_GPU_PROBE_H_
#define HP_STAGE_GPU_GPU_PROBE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stage/gpu/device_facts.h"

namespace halfpipe {

struct GpuProbe {
  int index = 0;
  GpuFacts facts = {};
  // Between pinned host memory and the device, one direction at a time.
  double host_to_device_bytes_per_second = 0.0;
  double device_to_host_bytes_per_second = 0.0;
  absl::Status status = {};  // what failed; rates are 0 then
};

struct GpuLinkProbe {
  int from = 0;
  int to = 0;
  bool peer_access = false;
  bool nvlink = false;
  // Of a copy by the driver, over peer access where there is one, else through
  // the host.
  double bytes_per_second = 0.0;
  absl::Status status =
      {};  // a copy that failed, or whose bytes did not arrive
};

struct MachineProbe {
  std::string cuda_version;  // of the runtime, "13.0"
  std::vector<GpuProbe> gpus;
  std::vector<GpuLinkProbe> links;  // every ordered pair of GPUs
};

// Never fails: what goes wrong is in the statuses. Takes 128 MiB of each GPU
// and as much pinned memory, and about a second for each GPU and pair. Leaves
// the calling thread on some device.
[[nodiscard]] MachineProbe ProbeMachine();

// 13000 -> "13.0", as CUDA counts its versions.
[[nodiscard]] std::string CudaVersionText(int version);

}  // namespace halfpipe

#endif  // HP_STAGE_GPU_GPU_PROBE_H_
