#include "common/memory/pinned_pool.h"

#include <cuda_runtime_api.h>

#include "absl/strings/str_cat.h"
#include "common/gpu/cuda_errors.h"

namespace halfpipe {

PinnedPool::~PinnedPool() {
  for (const auto& [bytes, buffer] : free_) cudaFreeHost(buffer.data);
}

absl::StatusOr<PinnedBuffer> PinnedPool::Take(size_t bytes) {
  // First in, first out: the buffer whose last use is the longest ago.
  const auto it = free_.find(bytes);
  if (it != free_.end()) {
    PinnedBuffer buffer = std::move(it->second);
    free_.erase(it);
    return buffer;
  }
  PinnedBuffer buffer;
  buffer.bytes = bytes;
  const cudaError_t error =
      cudaHostAlloc(&buffer.data, bytes, cudaHostAllocDefault);
  if (error != cudaSuccess) {
    cudaGetLastError();  // a refused allocation leaves the context usable
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot pin another ", bytes, " bytes of host memory (", bytes_,
        " are pinned already): ", cudaGetErrorString(error),
        "; lower pipeline.host_memory, or raise the limit on locked memory"));
  }
  bytes_ += static_cast<int64_t>(bytes);
  return buffer;
}

void PinnedPool::Return(PinnedBuffer buffer) {
  const size_t bytes = buffer.bytes;
  free_.emplace(bytes, std::move(buffer));
}

}  // namespace halfpipe
