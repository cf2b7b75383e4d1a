#include "stage/gpu/gpu_probe.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_errors.h"

namespace halfpipe {
namespace {

constexpr size_t kBytes = size_t{128} << 20;
constexpr int kCopies = 8;
constexpr unsigned char kPattern = 0xa5;

// `work` starts one copy; the rate of several, after one to warm up.
absl::StatusOr<double> CopyRate(const std::function<cudaError_t()>& work) {
  HP_CUDA_RETURN_IF_ERROR(work());
  HP_CUDA_RETURN_IF_ERROR(cudaDeviceSynchronize());
  const absl::Time begin = SteadyNow();
  for (int i = 0; i < kCopies; ++i) HP_CUDA_RETURN_IF_ERROR(work());
  HP_CUDA_RETURN_IF_ERROR(cudaDeviceSynchronize());
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - begin);
  return static_cast<double>(kBytes) * kCopies / std::max(seconds, 1e-9);
}

absl::Status MeasureHostRates(GpuProbe* gpu) {
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(gpu->index));
  void* device = nullptr;
  void* host = nullptr;
  HP_CUDA_RETURN_IF_ERROR(cudaMalloc(&device, kBytes));
  const absl::Cleanup free_device = [device] { (void)cudaFree(device); };
  HP_CUDA_RETURN_IF_ERROR(cudaMallocHost(&host, kBytes));
  const absl::Cleanup free_host = [host] { (void)cudaFreeHost(host); };
  HP_ASSIGN_OR_RETURN(gpu->host_to_device_bytes_per_second, CopyRate([&] {
                        return cudaMemcpyAsync(device, host, kBytes,
                                               cudaMemcpyHostToDevice, {});
                      }));
  HP_ASSIGN_OR_RETURN(gpu->device_to_host_bytes_per_second, CopyRate([&] {
                        return cudaMemcpyAsync(host, device, kBytes,
                                               cudaMemcpyDeviceToHost, {});
                      }));
  return absl::OkStatus();
}

GpuProbe ProbeGpu(int index) {
  GpuProbe gpu{.index = index};
  absl::StatusOr<GpuFacts> facts = DescribeGpu(index);
  if (!facts.ok()) {
    gpu.status = facts.status();
    return gpu;
  }
  gpu.facts = *std::move(facts);
  gpu.status = MeasureHostRates(&gpu);
  return gpu;
}

// Some boards and virtual machines claim peer access and lose the bytes.
absl::Status CheckArrived(const void* device) {
  unsigned char ends[2] = {};
  const auto* bytes = static_cast<const unsigned char*>(device);
  HP_CUDA_RETURN_IF_ERROR(
      cudaMemcpy(&ends[0], bytes, 1, cudaMemcpyDeviceToHost));
  HP_CUDA_RETURN_IF_ERROR(
      cudaMemcpy(&ends[1], bytes + kBytes - 1, 1, cudaMemcpyDeviceToHost));
  if (ends[0] == kPattern && ends[1] == kPattern) return absl::OkStatus();
  return absl::DataLossError("the bytes that were copied did not arrive");
}

absl::Status MeasureLink(GpuLinkProbe* link) {
  void* from = nullptr;
  void* to = nullptr;
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(link->to));
  HP_CUDA_RETURN_IF_ERROR(cudaMalloc(&to, kBytes));
  const absl::Cleanup free_to = [to] { (void)cudaFree(to); };
  HP_CUDA_RETURN_IF_ERROR(cudaMemset(to, 0, kBytes));
  HP_CUDA_RETURN_IF_ERROR(cudaDeviceSynchronize());
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(link->from));
  if (link->peer_access) {
    const cudaError_t enabled = cudaDeviceEnablePeerAccess(link->to, 0);
    if (enabled != cudaErrorPeerAccessAlreadyEnabled) {
      HP_CUDA_RETURN_IF_ERROR(enabled);
    }
    (void)cudaGetLastError();
  }
  HP_CUDA_RETURN_IF_ERROR(cudaMalloc(&from, kBytes));
  const absl::Cleanup free_from = [from] { (void)cudaFree(from); };
  HP_CUDA_RETURN_IF_ERROR(cudaMemset(from, kPattern, kBytes));
  HP_ASSIGN_OR_RETURN(link->bytes_per_second, CopyRate([&] {
                        return cudaMemcpyPeerAsync(to, link->to, from,
                                                   link->from, kBytes, {});
                      }));
  return CheckArrived(to);
}

GpuLinkProbe ProbeLink(int from, int to) {
  GpuLinkProbe link{.from = from, .to = to};
  int peer = 0;
  int native = 0;  // atomics between two devices exist over NVLink alone
  if (cudaDeviceCanAccessPeer(&peer, from, to) != cudaSuccess ||
      cudaDeviceGetP2PAttribute(&native, cudaDevP2PAttrNativeAtomicSupported,
                                from, to) != cudaSuccess) {
    (void)cudaGetLastError();
  }
  link.peer_access = peer != 0;
  link.nvlink = peer != 0 && native != 0;
  link.status = MeasureLink(&link);
  return link;
}

}  // namespace

std::string CudaVersionText(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

MachineProbe ProbeMachine() {
  MachineProbe machine;
  if (int version = 0; cudaRuntimeGetVersion(&version) == cudaSuccess) {
    machine.cuda_version = CudaVersionText(version);
  }
  const int count = GpuCount();
  for (int i = 0; i < count; ++i) machine.gpus.push_back(ProbeGpu(i));
  for (int from = 0; from < count; ++from) {
    for (int to = 0; to < count; ++to) {
      if (from != to) machine.links.push_back(ProbeLink(from, to));
    }
  }
  return machine;
}

}  // namespace halfpipe
