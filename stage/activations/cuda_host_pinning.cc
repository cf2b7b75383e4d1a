#include "stage/activations/cuda_host_pinning.h"

#include <cuda_runtime_api.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/host_memory.h"

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

// "; RLIMIT_MEMLOCK is 8388608 bytes", where there is such a limit.
std::string LockLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY) {
    return "";
  }
  return absl::StrCat("; RLIMIT_MEMLOCK is ", limit.rlim_cur, " bytes");
}

class CudaHostPinning : public HostPinning {
 public:
  int64_t AvailableBytes() override { return AvailableHostBytes(); }

  absl::StatusOr<void*> Pin(size_t bytes) override {
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      return absl::ResourceExhaustedError(
          absl::StrCat("mmap: ", std::strerror(errno)));
    }
    madvise(data, bytes, MADV_HUGEPAGE);  // a hint: fewer pages to pin
    TouchPages(static_cast<char*>(data), bytes);
    const cudaError_t error =
        cudaHostRegister(data, bytes, cudaHostRegisterDefault);
    if (error == cudaSuccess) return data;
    (void)cudaGetLastError();  // a refusal leaves the context usable
    munmap(data, bytes);
    return absl::ResourceExhaustedError(absl::StrCat(
        "cudaHostRegister: ", cudaGetErrorString(error), LockLimit()));
  }

  void Unpin(void* data, size_t bytes) override {
    cudaHostUnregister(data);
    munmap(data, bytes);
  }
};

}  // namespace

std::unique_ptr<HostPinning> NewCudaHostPinning() {
  return std::make_unique<CudaHostPinning>();
}

}  // namespace halfpipe
