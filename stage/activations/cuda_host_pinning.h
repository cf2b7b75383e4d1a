// HostPinning by the CUDA driver.
#ifndef HP_STAGE_ACTIVATIONS_CUDA_HOST_PINNING_H_
#define HP_STAGE_ACTIVATIONS_CUDA_HOST_PINNING_H_

#include <memory>

#include "stage/activations/host_pinning.h"

namespace halfpipe {

// Anonymous memory, in huge pages where there are any, registered with CUDA.
[[nodiscard]] std::unique_ptr<HostPinning> NewCudaHostPinning();

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_CUDA_HOST_PINNING_H_
