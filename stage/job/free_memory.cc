#include "stage/job/free_memory.h"

#include <algorithm>

#include "common/base/host_memory.h"
#include "common/base/status.h"
#ifdef HP_WITH_CUDA
#include <c10/core/Device.h>
#include <c10/cuda/CUDAFunctions.h>

#include "stage/kernels/torch_guard.h"
#include "stage/train/compute_stream.h"
#endif

namespace halfpipe {
namespace {

#ifdef HP_WITH_CUDA
// NCCL's communicator and kernels that the driver loads at their first use
// (what a plan counts among a stage's fixed bytes).
constexpr int64_t kGrowthBytes = int64_t{1100} << 20;
#endif

absl::StatusOr<DeviceShares> SharesOf(const std::string& device) {
#ifdef HP_WITH_CUDA
  if (device != "cpu") {
    return TorchGuard("free memory", [&]() -> absl::StatusOr<DeviceShares> {
      const c10::Device cuda(device);
      // A thread that has used no device yet would ask the first one.
      c10::cuda::set_device(cuda.index());
      HP_ASSIGN_OR_RETURN(const DeviceMemory memory, ReadDeviceMemory(cuda));
      return DeviceShares{.free_bytes = memory.driver_free_bytes,
                          .own_bytes = memory.driver_total_bytes -
                                       memory.driver_free_bytes -
                                       memory.beside_bytes};
    });
  }
#endif
  (void)device;
  return DeviceShares();
}

}  // namespace

int64_t ChangeByOthers(const DeviceShares& before, const DeviceShares& now,
                       int64_t growth_bytes) {
  const int64_t change =
      (now.free_bytes + now.own_bytes) - (before.free_bytes + before.own_bytes);
  return change >= 0 ? change : std::min<int64_t>(0, change + growth_bytes);
}

FreeMemoryWatch::FreeMemoryWatch(const std::string& device) {
  const absl::StatusOr<DeviceShares> shares = SharesOf(device);
  if (!shares.ok()) return;
  device_ = device;
  first_ = *shares;
}

FreeMemory FreeMemoryWatch::Read() const {
  FreeMemory memory;
  memory.host_available_bytes = AvailableHostBytes();
#ifdef HP_WITH_CUDA
  if (device_.empty()) return memory;
  if (const auto now = SharesOf(device_); now.ok()) {
    memory.device_change_bytes = ChangeByOthers(first_, *now, kGrowthBytes);
  }
#endif
  return memory;
}

}  // namespace halfpipe
