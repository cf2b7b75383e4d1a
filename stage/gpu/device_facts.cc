#include "stage/gpu/device_facts.h"

#include <cuda_runtime_api.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "stage/gpu/cuda_errors.h"
#include "stage/gpu/cuda_event.h"

namespace halfpipe {
namespace {

std::string FormatUuid(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += "-";
    absl::StrAppendFormat(&text, "%02x",
                          static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

// Native atomics between two devices exist over NVLink alone.
bool HasNvLinkPeer(int index, int count) {
  for (int other = 0; other < count; ++other) {
    int native = 0;
    if (other == index ||
        cudaDeviceGetP2PAttribute(&native, cudaDevP2PAttrNativeAtomicSupported,
                                  index, other) != cudaSuccess) {
      (void)cudaGetLastError();
      continue;
    }
    if (native != 0) return true;
  }
  return false;
}

// Empty where the kernel's module does not say.
std::string ModuleVersion() {
  std::ifstream file("/sys/module/nvidia/version");
  std::string version;
  std::getline(file, version);
  return version;
}

}  // namespace

int GpuCount() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    (void)cudaGetLastError();
    return 0;
  }
  return count;
}

absl::StatusOr<GpuFacts> DescribeGpu(int index) {
  const int count = GpuCount();
  if (index < 0 || index >= count) {
    return absl::FailedPreconditionError(
        absl::StrCat("cuda:", index, " is not there: ", count,
                     " GPUs are visible to this process (see nvidia-smi and "
                     "CUDA_VISIBLE_DEVICES)"));
  }
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(index));
  cudaDeviceProp properties;
  HP_CUDA_RETURN_IF_ERROR(cudaGetDeviceProperties(&properties, index));
  int driver = 0;
  HP_CUDA_RETURN_IF_ERROR(cudaDriverGetVersion(&driver));
  HP_ASSIGN_OR_RETURN(DriverMemory memory, ReadDriverMemory());
  return GpuFacts{.name = properties.name,
                  .uuid = FormatUuid(properties.uuid),
                  .total_bytes = memory.total_bytes,
                  .free_bytes = memory.free_bytes,
                  .driver = absl::StrCat(ModuleVersion(), " ", driver),
                  .peers_by_nvlink = HasNvLinkPeer(index, count)};
}

}  // namespace halfpipe
