#include "stage/wan/weight_reader.h"

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {
namespace {

// One is read while the other is copied.
constexpr int kStagedBlocks = 2;

}  // namespace

// A thread's way to the device: two pinned blocks in turn.
class WeightReader::Staging {
 public:
  Staging(const at::Tensor& pinned, int thread, const c10::Stream& copies)
      : copies_(copies) {
    for (int i = 0; i < kStagedBlocks; ++i) {
      const int64_t index = int64_t{thread} * kStagedBlocks + i;
      slots_.push_back({pinned.narrow(0, index * kBlockBytes, kBlockBytes),
                        c10::Event(copies.device_type())});
    }
  }

  // A block whose last copy has ended.
  at::Tensor Next() {
    next_ = (next_ + 1) % slots_.size();
    slots_[next_].copied.synchronize();
    return slots_[next_].block;
  }

  // Starts the copy of what was read into the block that Next gave.
  void CopyTo(const at::Tensor& target) {
    Slot& slot = slots_[next_];
    target.copy_(slot.block.narrow(0, 0, target.numel()),
                 /*non_blocking=*/true);
    slot.copied.record(copies_);
  }

 private:
  struct Slot {
    at::Tensor block;
    c10::Event copied;  // nothing to wait for until it was recorded
  };

  const c10::Stream copies_;
  std::vector<Slot> slots_;
  size_t next_ = 0;
};

WeightReader::WeightReader(const TensorArchive* archive,
                           const at::Device& device, int64_t ahead_bytes)
    : archive_(archive), device_(device), limit_(ahead_bytes) {
  if (!device.is_cpu()) {
    copies_ = c10::impl::VirtualGuardImpl(device.type())
                  .getStreamFromGlobalPool(device);
    pinned_ =
        at::empty({kThreads * kStagedBlocks * kBlockBytes},
                  at::TensorOptions().dtype(at::kByte).pinned_memory(true));
  }
  for (int i = 0; i < kThreads; ++i) {
    threads_.emplace_back([this, i] { Work(i); });
  }
}

WeightReader::~WeightReader() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  if (!copies_.has_value()) return;
  // Tensors that nobody asked for must not be freed under a copy. What was
  // pinned goes back to the host: a job's offloads want it.
  TorchGuard("ending the reads", [&] {
    c10::impl::VirtualGuardImpl(device_.type()).synchronizeStream(*copies_);
    pinned_.reset();
    at::getHostAllocator(device_.type())->empty_cache();
    return absl::OkStatus();
  }).IgnoreError();
}

void WeightReader::Expect(std::vector<std::string> names) {
  expected_.clear();
  for (std::string& name : names) {
    if (archive_->tensors().contains(name)) {
      expected_.push_back(std::move(name));
    }
  }
  ReadAhead();
}

absl::StatusOr<at::Tensor> WeightReader::Read(const std::string& name) {
  auto it = entries_.find(name);
  if (it == entries_.end()) {
    HP_RETURN_IF_ERROR(Schedule(name, /*first=*/true));
    it = entries_.find(name);
  }
  ReadAhead();
  Entry& entry = *it->second;
  {
    absl::MutexLock lock(&mutex_);
    const auto landed = [&entry] { return entry.left == 0; };
    mutex_.Await(absl::Condition(&landed));
  }
  const std::unique_ptr<Entry> taken = std::move(it->second);
  entries_.erase(it);
  ahead_bytes_ -= taken->bytes.numel();
  OrderBehindCopies();
  if (!taken->status.ok()) {
    return Annotate(taken->status, absl::StrCat("tensor ", name));
  }
  return std::move(taken->target);
}

void WeightReader::ReadAhead() {
  while (!expected_.empty() && ahead_bytes_ < limit_) {
    const std::string name = expected_.front();
    expected_.pop_front();
    // Only names of the archive are expected.
    if (!entries_.contains(name)) {
      Schedule(name, /*first=*/false).IgnoreError();
    }
  }
}

absl::Status WeightReader::Schedule(const std::string& name, bool first) {
  auto it = archive_->tensors().find(name);
  if (it == archive_->tensors().end()) {
    return absl::NotFoundError(
        absl::StrCat(archive_->path(), ": tensor ", name, " is missing"));
  }
  if (first) std::erase(expected_, name);
  const ArchivedTensor& stored = it->second;
  auto entry = std::make_unique<Entry>();
  entry->name = name;
  entry->target = at::empty(
      stored.shape,
      at::TensorOptions().dtype(ToScalarType(stored.dtype)).device(device_));
  entry->bytes = entry->target.view({-1}).view(at::kByte);
  entry->left = entry->bytes.numel();
  ahead_bytes_ += entry->left;
  OrderCopiesBehind();
  Entry* const added = entry.get();
  entries_[name] = std::move(entry);
  absl::MutexLock lock(&mutex_);
  if (added->left == 0) return absl::OkStatus();
  if (first) {
    queue_.push_front(added);
  } else {
    queue_.push_back(added);
  }
  return absl::OkStatus();
}

std::optional<WeightReader::Block> WeightReader::TakeBlock() {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return stop_ || !queue_.empty();
  };
  mutex_.Await(absl::Condition(&ready));
  if (stop_) return std::nullopt;
  Entry* const entry = queue_.front();
  const int64_t total = entry->bytes.numel();
  const Block block = {entry, entry->given,
                       std::min(kBlockBytes, total - entry->given)};
  entry->given += block.size;
  if (entry->given == total) queue_.pop_front();
  return block;
}

void WeightReader::Land(const Block& block, const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  block.entry->status.Update(status);
  block.entry->left -= block.size;
}

void WeightReader::Work(int thread) {
  std::optional<c10::StreamGuard> current;
  std::optional<Staging> staging;
  // What cannot be made here fails every block that this thread takes.
  const absl::Status made = TorchGuard("reading weights", [&] {
    if (copies_.has_value()) {
      current.emplace(*copies_);
      staging.emplace(pinned_, thread, *copies_);
    }
    return absl::OkStatus();
  });
  while (const std::optional<Block> block = TakeBlock()) {
    absl::Status status = made;
    if (status.ok()) {
      status = TorchGuard("reading weights", [&]() -> absl::Status {
        const at::Tensor target =
            block->entry->bytes.narrow(0, block->offset, block->size);
        const at::Tensor to = staging.has_value() ? staging->Next() : target;
        HP_RETURN_IF_ERROR(archive_->ReadRange(
            block->entry->name, static_cast<uint64_t>(block->offset),
            static_cast<uint64_t>(block->size), to.mutable_data_ptr()));
        if (staging.has_value()) staging->CopyTo(target);
        return absl::OkStatus();
      });
    }
    Land(*block, status);
  }
}

void WeightReader::OrderBehindCopies() const {
  if (!copies_.has_value()) return;
  const c10::impl::VirtualGuardImpl guard(device_.type());
  c10::Event event(device_.type());
  event.record(*copies_);
  event.block(guard.getStream(device_));
}

void WeightReader::OrderCopiesBehind() const {
  if (!copies_.has_value()) return;
  // Work that was enqueued before may still use the memory allocated now.
  const c10::impl::VirtualGuardImpl guard(device_.type());
  c10::Event event(device_.type());
  event.record(guard.getStream(device_));
  event.block(*copies_);
}

}  // namespace halfpipe
