#include "common/memory/activation_store.h"

#include <ATen/ops/empty_like.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/kernels/tensor_bridge.h"

namespace halfpipe {
namespace {

// A copy in host memory; pinned if the source is a CUDA tensor, so that the
// transfer overlaps with the host thread.
at::Tensor ToHost(const at::Tensor& tensor) {
  at::Tensor host = at::empty_like(
      tensor, tensor.options().device(at::kCPU).pinned_memory(tensor.is_cuda()),
      at::MemoryFormat::Preserve);
  host.copy_(tensor, /*non_blocking=*/true);
  return host;
}

at::Tensor ToDevice(const at::Tensor& host, const at::Device& device) {
  // copy = true: on the CPU too the bytes move, as they do on a GPU.
  return host.to(host.options().device(device).pinned_memory(false),
                 /*non_blocking=*/true, /*copy=*/true);
}

absl::Status StateError(Microbatch microbatch, int64_t block,
                        absl::string_view problem) {
  return absl::FailedPreconditionError(absl::StrCat(
      "block ", block, ", micro-batch ", microbatch.value(), ": ", problem));
}

}  // namespace

absl::Status ActivationStore::Put(Microbatch microbatch, int64_t block,
                                  SavedTensors tensors, Residence residence) {
  const auto key = std::make_pair(microbatch, block);
  if (entries_.count(key) != 0) {
    return StateError(microbatch, block, "forward ran twice");
  }
  Entry entry;
  entry.residence = residence;
  for (at::Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    if (tensor.is_cuda()) entry.device = tensor.device();
    if (residence == Residence::kHost) tensor = ToHost(tensor);
  }
  entry.tensors = std::move(tensors);
  entries_.emplace(key, std::move(entry));
  if (residence == Residence::kHost) {
    peak_host_bytes_ = std::max(peak_host_bytes_, host_bytes());
  }
  return absl::OkStatus();
}

int64_t ActivationStore::TakePeakHostBytes() {
  return std::exchange(peak_host_bytes_, host_bytes());
}

absl::StatusOr<SavedTensors> ActivationStore::Take(Microbatch microbatch,
                                                   int64_t block) {
  auto node = entries_.extract(std::make_pair(microbatch, block));
  if (node.empty()) {
    return StateError(microbatch, block, "backward without its forward");
  }
  Entry entry = std::move(node.mapped());
  if (entry.residence == Residence::kHost) {
    for (at::Tensor& tensor : entry.tensors) {
      if (tensor.defined()) tensor = ToDevice(tensor, entry.device);
    }
  }
  return std::move(entry.tensors);
}

int64_t ActivationStore::host_bytes() const {
  int64_t bytes = 0;
  for (const auto& [key, entry] : entries_) {
    if (entry.residence != Residence::kHost) continue;
    for (const at::Tensor& tensor : entry.tensors) {
      if (tensor.defined()) bytes += static_cast<int64_t>(ByteSize(tensor));
    }
  }
  return bytes;
}

}  // namespace halfpipe
