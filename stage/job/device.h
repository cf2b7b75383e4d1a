// Which device a stage computes on, and process-wide numerics.
#ifndef HP_STAGE_JOB_DEVICE_H_
#define HP_STAGE_JOB_DEVICE_H_

#include <ATen/core/Tensor.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

namespace halfpipe {

// "cpu", "cuda:1", "cuda" (the GPU with the rank's number, or the only one
// that is visible), or "auto" (a GPU if there is one, else the CPU). Loads
// CUDA and makes the device current when one is chosen. InvalidArgument for
// another word; FailedPrecondition when the GPU is not there.
[[nodiscard]] absl::StatusOr<at::Device> SelectDevice(absl::string_view name,
                                                      Rank rank);

// What a user is told about a device.
struct DeviceFacts {
  std::string name = {};  // "NVIDIA H200" or "CPU"
  std::string uuid = {};  // empty on the CPU
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
};

[[nodiscard]] absl::StatusOr<DeviceFacts> DescribeDevice(at::Device device);

// fp32 products stay fp32 (no TF32), and the CPU uses `threads` threads: its
// results are the same bits for the same number of threads.
void SetExactArithmetic(int32_t threads);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_DEVICE_H_
