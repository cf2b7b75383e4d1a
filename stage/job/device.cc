#include "stage/job/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "stage/kernels/cuda_runtime.h"

#ifdef HP_WITH_CUDA
#include "stage/gpu/device_facts.h"
#endif

namespace halfpipe {
namespace {

int VisibleGpus() {
#ifdef HP_WITH_CUDA
  return GpuCount();
#else
  return 0;
#endif
}

absl::StatusOr<int> GpuIndex(absl::string_view name, Rank rank) {
  if (name == "cuda" || name == "auto") {
    return VisibleGpus() == 1 ? 0 : rank.value();
  }
  int index = 0;
  absl::string_view number = name;
  // Beyond DeviceIndex a number would wrap around and name another GPU.
  constexpr int kLargest = std::numeric_limits<at::DeviceIndex>::max();
  if (!absl::ConsumePrefix(&number, "cuda:") ||
      !absl::SimpleAtoi(number, &index) || index < 0 || index > kLargest) {
    return absl::InvalidArgumentError(absl::StrCat(
        "device '", name, "': expected auto, cpu, cuda or cuda:N"));
  }
  return index;
}

}  // namespace

absl::StatusOr<at::Device> SelectDevice(absl::string_view name, Rank rank) {
  if (name == "cpu" || (name == "auto" && VisibleGpus() == 0)) {
    return at::Device(at::kCPU);
  }
  HP_ASSIGN_OR_RETURN(int index, GpuIndex(name, rank));
  const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  HP_RETURN_IF_ERROR(DescribeDevice(device).status());
  HP_RETURN_IF_ERROR(EnsureCudaLoaded());
  return device;
}

absl::StatusOr<DeviceFacts> DescribeDevice(at::Device device) {
  if (device.is_cpu()) return DeviceFacts{.name = "CPU"};
#ifdef HP_WITH_CUDA
  HP_ASSIGN_OR_RETURN(GpuFacts gpu, DescribeGpu(device.index()));
  return DeviceFacts{.name = gpu.name,
                     .uuid = gpu.uuid,
                     .total_bytes = gpu.total_bytes,
                     .free_bytes = gpu.free_bytes};
#else
  return absl::FailedPreconditionError("this build has no CUDA");
#endif
}

void SetExactArithmetic(int32_t threads) {
  at::set_num_threads(threads);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
}

}  // namespace halfpipe
