// Holds what the blocks of one stage saved in their forward passes, for every
// micro-batch in flight, until the backward pass of the same block takes it.
#ifndef HP_COMMON_MEMORY_ACTIVATION_STORE_H_
#define HP_COMMON_MEMORY_ACTIVATION_STORE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"

namespace halfpipe {

// A block's saved tensors; the block gives each index its meaning. An undefined
// tensor stands for one that this block does not have.
using SavedTensors = std::vector<at::Tensor>;

enum class Residence : uint8_t {
  kDevice,  // the tensors stay where they are
  kHost,    // copies in host memory; the device's are let go
};

// Not thread-safe: one compute thread owns it. On CUDA every copy is enqueued
// on the calling thread's current stream, so device memory is reused in stream
// order and no call waits. Runs inside a TorchGuard.
class ActivationStore {
 public:
  // FailedPrecondition if this micro-batch's block has state already.
  [[nodiscard]] absl::Status Put(Microbatch microbatch, int64_t block,
                                 SavedTensors tensors, Residence residence);

  // Gives the tensors back on their first device and forgets them.
  // FailedPrecondition if there is nothing: a backward without its forward.
  [[nodiscard]] absl::StatusOr<SavedTensors> Take(Microbatch microbatch,
                                                  int64_t block);

  // Drops everything: the step was abandoned.
  void Clear() { entries_.clear(); }

  // How many (micro-batch, block) pairs are held.
  [[nodiscard]] size_t size() const { return entries_.size(); }

  // Bytes in host memory for kHost entries.
  [[nodiscard]] int64_t host_bytes() const;

  // The largest host_bytes() since the last call of this.
  [[nodiscard]] int64_t TakePeakHostBytes();

 private:
  struct Entry {
    SavedTensors tensors;
    Residence residence = Residence::kDevice;
    at::Device device = at::kCPU;  // where Take puts them
  };

  std::map<std::pair<Microbatch, int64_t>, Entry> entries_;
  int64_t peak_host_bytes_ = 0;
};

}  // namespace halfpipe

#endif  // HP_COMMON_MEMORY_ACTIVATION_STORE_H_
