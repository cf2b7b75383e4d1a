// Reads a checkpoint's tensors onto a device at the speed of the disk: several
// threads take blocks of the tensors that are asked for next.
#ifndef HP_STAGE_WAN_WEIGHT_READER_H_
#define HP_STAGE_WAN_WEIGHT_READER_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// For the CPU the threads read straight into the tensors. For a CUDA device
// each reads into its own two pinned blocks, which a stream of the reader's
// own copies to the device while the next ones are read: 128 MiB of pinned
// memory in all, given back with the reader.
//
// Reading ahead needs no host memory: its place is the tensor on the device,
// allocated up to `ahead_bytes` (or one tensor) before it is asked for.
//
// Thread rule: one thread, inside a TorchGuard; that thread's current stream
// is the one that may use the tensors.
class WeightReader {
 public:
  static constexpr int kThreads = 8;
  static constexpr int64_t kBlockBytes = int64_t{8} << 20;
  static constexpr int64_t kAheadBytes = int64_t{512} << 20;

  // `archive` must outlive the reader, which starts its threads. May throw
  // what a failed allocation of pinned memory throws.
  WeightReader(const TensorArchive* archive, const at::Device& device,
               int64_t ahead_bytes = kAheadBytes);
  WeightReader(const WeightReader&) = delete;
  WeightReader& operator=(const WeightReader&) = delete;
  // Waits for the blocks that are being read, and drops the rest.
  ~WeightReader();

  // Names, as the archive spells them, that Read will be called with, in that
  // order. It is a hint: others may be read, some left out. Unknown names are
  // left out. Replaces what is left of an earlier list.
  void Expect(std::vector<std::string> names);

  // The stored bytes of a tensor on the device, unconverted, contiguous, the
  // caller's. Blocks until they are read; on CUDA the last copies may still
  // run, and the current stream waits for them. NotFound: no such tensor;
  // DataLoss and Unavailable of the file, with the tensor's name.
  [[nodiscard]] absl::StatusOr<at::Tensor> Read(const std::string& name);

  [[nodiscard]] const at::Device& device() const { return device_; }

 private:
  // A tensor on its way.
  struct Entry {
    std::string name;
    at::Tensor target;
    at::Tensor bytes;   // the target's memory
    int64_t given = 0;  // bytes in blocks that a thread has taken
    int64_t left = 0;   // bytes that have not landed
    absl::Status status;
  };

  // A part of a tensor, taken by one thread.
  struct Block {
    Entry* entry = nullptr;
    int64_t offset = 0;
    int64_t size = 0;
  };

  class Staging;

  [[nodiscard]] absl::Status Schedule(const std::string& name, bool first);
  void ReadAhead();
  void Work(int thread);
  std::optional<Block> TakeBlock();
  void Land(const Block& block, const absl::Status& status);
  // Orders the current stream behind the copies, or they behind it.
  void OrderBehindCopies() const;
  void OrderCopiesBehind() const;

  const TensorArchive* const archive_;
  const at::Device device_;
  const int64_t limit_;                // of ahead_bytes_
  std::optional<c10::Stream> copies_;  // CUDA only
  at::Tensor pinned_;                  // CUDA only: every thread's blocks

  // The caller's thread alone.
  std::deque<std::string> expected_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  int64_t ahead_bytes_ = 0;  // of entries_

  // Guards also given, left and status of every entry.
  absl::Mutex mutex_;
  std::deque<Entry*> queue_ ABSL_GUARDED_BY(mutex_);  // with blocks to take
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_WEIGHT_READER_H_
