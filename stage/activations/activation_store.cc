#include "stage/activations/activation_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

absl::Status StateError(Microbatch microbatch, int64_t block,
                        absl::string_view problem) {
  return absl::FailedPreconditionError(absl::StrCat(
      "block ", block, ", micro-batch ", microbatch.value(), ": ", problem));
}

}  // namespace

absl::Status ActivationStore::Put(Microbatch microbatch, int64_t block,
                                  std::vector<SavedTensor> tensors) {
  const auto key = std::make_pair(microbatch, block);
  if (entries_.count(key) != 0) {
    return StateError(microbatch, block, "forward ran twice");
  }
  Entry entry;
  entry.tensors.resize(tensors.size());
  entry.copies.resize(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    at::Tensor& tensor = tensors[i].tensor;
    if (!tensor.defined()) continue;
    if (tensors[i].residence == Residence::kDevice) {
      entry.tensors[i] = std::move(tensor);
      continue;
    }
    HP_ASSIGN_OR_RETURN(entry.copies[i], copies_->Offload(tensor));
    entry.on_host = true;
  }
  HP_RETURN_IF_ERROR(copies_->EndOffloads());
  peak_host_bytes_ = std::max(peak_host_bytes_, host_bytes());
  entries_.emplace(key, std::move(entry));
  took_last_ = false;
  return absl::OkStatus();
}

absl::Status ActivationStore::FetchEntry(Entry& entry) {
  if (!entry.on_host) return absl::OkStatus();
  for (size_t i = 0; i < entry.copies.size(); ++i) {
    if (entry.copies[i] == nullptr) continue;
    HP_ASSIGN_OR_RETURN(entry.tensors[i], copies_->Fetch(*entry.copies[i]));
    entry.copies[i].reset();
  }
  entry.on_host = false;
  HP_ASSIGN_OR_RETURN(entry.arrival, copies_->EndFetches());
  return absl::OkStatus();
}

absl::Status ActivationStore::Prefetch(Microbatch microbatch, int64_t block) {
  auto it = entries_.find(std::make_pair(microbatch, block));
  return it == entries_.end() ? absl::OkStatus() : FetchEntry(it->second);
}

absl::StatusOr<SavedTensors> ActivationStore::Take(Microbatch microbatch,
                                                   int64_t block) {
  auto node = entries_.extract(std::make_pair(microbatch, block));
  if (node.empty()) {
    return StateError(microbatch, block, "backward without its forward");
  }
  // A block's backward after the last forward, what that offloaded has left.
  if (took_last_) HP_RETURN_IF_ERROR(copies_->ReleaseOffloads());
  took_last_ = true;
  Entry entry = std::move(node.mapped());
  HP_RETURN_IF_ERROR(FetchEntry(entry));
  if (entry.arrival != nullptr) {
    HP_RETURN_IF_ERROR(copies_->Await(*entry.arrival));
  }
  return std::move(entry.tensors);
}

void ActivationStore::Clear() {
  // A device fault shows in the next call; here memory only has to be safe.
  copies_->Drain().IgnoreError();
  entries_.clear();
}

int64_t ActivationStore::TakePeakHostBytes() {
  return std::exchange(peak_host_bytes_, host_bytes());
}

}  // namespace halfpipe
