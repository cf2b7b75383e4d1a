// libtorch's CUDA side, loaded only when a CUDA device is asked for: nothing
// links libtorch_cuda.so, so a process that stays on the CPU neither needs nor
// maps it.
#ifndef HP_STAGE_KERNELS_CUDA_RUNTIME_H_
#define HP_STAGE_KERNELS_CUDA_RUNTIME_H_

#include "absl/status/status.h"

namespace halfpipe {

// Loads libtorch_cuda.so from the folder of libtorch_cpu.so, once for the
// process; later calls return the first result. Call before the first tensor
// on a CUDA device. Thread-safe, blocks for about a second the first time.
// FailedPrecondition: the library or one it needs is missing (the message is
// the dynamic loader's), or it found no usable device.
[[nodiscard]] absl::Status EnsureCudaLoaded();

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_CUDA_RUNTIME_H_
