#include "common/memory/pinned_pool.h"

#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kBytesAThread = size_t{32} << 20;
constexpr size_t kMostThreads = 8;

// Makes the kernel give the pages, by several threads: zeroing them is most of
// what pinning costs, and the driver would do it in one.
void TouchPages(char* data, size_t bytes) {
  const size_t threads =
      std::clamp<size_t>(bytes / kBytesAThread, 1, kMostThreads);
  const size_t each = (bytes / threads + kPage) / kPage * kPage;
  std::vector<std::jthread> workers;
  for (size_t begin = 0; begin < bytes; begin += each) {
    const size_t end = std::min(bytes, begin + each);
    workers.emplace_back([data, begin, end] {
      for (size_t at = begin; at < end; at += kPage) {
        static_cast<volatile char*>(data)[at] = 0;
      }
    });
  }
}

absl::Status PinError(size_t bytes, int64_t pinned, const char* reason) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "cannot pin another ", bytes, " bytes of host memory (", pinned,
      " are pinned already): ", reason,
      "; lower pipeline.host_memory, or raise the limit on locked memory"));
}

}  // namespace

PinnedPool::~PinnedPool() {
  for (const auto& [bytes, buffer] : free_) {
    cudaHostUnregister(buffer.data);
    munmap(buffer.data, bytes);
  }
}

absl::StatusOr<PinnedBuffer> PinnedPool::Take(size_t bytes) {
  // First in, first out: the buffer whose last use is the longest ago.
  const auto it = free_.find(bytes);
  if (it != free_.end()) {
    PinnedBuffer buffer = std::move(it->second);
    free_.erase(it);
    return buffer;
  }
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return PinError(bytes, bytes_, "no memory");
  madvise(data, bytes, MADV_HUGEPAGE);  // a hint: fewer pages to pin
  TouchPages(static_cast<char*>(data), bytes);
  const cudaError_t error =
      cudaHostRegister(data, bytes, cudaHostRegisterDefault);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();  // a refusal leaves the context usable
    munmap(data, bytes);
    return PinError(bytes, bytes_, cudaGetErrorString(error));
  }
  bytes_ += static_cast<int64_t>(bytes);
  return PinnedBuffer{.data = data, .bytes = bytes, .last_use = nullptr};
}

void PinnedPool::Return(PinnedBuffer buffer) {
  const size_t bytes = buffer.bytes;
  free_.emplace(bytes, std::move(buffer));
}

}  // namespace halfpipe
