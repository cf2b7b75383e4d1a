#include "stage/kernels/cuda_runtime.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// The folder that libtorch_cpu.so was loaded from, with a trailing slash.
std::string TorchLibraryFolder() {
  Dl_info info;
  void* symbol = reinterpret_cast<void*>(&at::globalContext);
  if (dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return "";
  std::string path = info.dli_fname;
  return path.substr(0, path.rfind('/') + 1);
}

absl::Status LoadCuda() {
  const std::string path = TorchLibraryFolder() + "libtorch_cuda.so";
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot load ", path, ": ", dlerror(),
                     "; install the CUDA build of the torch wheel or use "
                     "the CPU"));
  }
  if (!at::globalContext().hasCUDA()) {
    return absl::FailedPreconditionError(
        "libtorch_cuda.so is loaded but sees no CUDA device; check the driver "
        "with nvidia-smi");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnsureCudaLoaded() {
  static const absl::Status status = LoadCuda();
  return status;
}

}  // namespace halfpipe
