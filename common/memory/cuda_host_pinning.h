// HostPinning by the CUDA driver.
#ifndef HP_COMMON_MEMORY_CUDA_HOST_PINNING_H_
#define HP_COMMON_MEMORY_CUDA_HOST_PINNING_H_

#include <memory>

#include "common/memory/host_pinning.h"

namespace halfpipe {

// Anonymous memory, in huge pages where there are any, registered with CUDA.
[[nodiscard]] std::unique_ptr<HostPinning> NewCudaHostPinning();

}  // namespace halfpipe

#endif  // HP_COMMON_MEMORY_CUDA_HOST_PINNING_H_
