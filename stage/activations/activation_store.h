// Holds what the blocks of one stage saved in their forward passes, for every
// micro-batch in flight, until the backward pass of the same block takes it.
#ifndef HP_STAGE_ACTIVATIONS_ACTIVATION_STORE_H_
#define HP_STAGE_ACTIVATIONS_ACTIVATION_STORE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "stage/activations/host_copies.h"

namespace halfpipe {

// A block's saved tensors; the block gives each index its meaning. An undefined
// tensor stands for one that is not saved.
using SavedTensors = std::vector<at::Tensor>;

enum class Residence : uint8_t {
  kDevice,  // the tensor stays where it is
  kHost,    // a copy in host memory; the device's is let go
};

struct SavedTensor {
  at::Tensor tensor;
  Residence residence = Residence::kDevice;
};

// Not thread-safe: one compute thread owns it. No call waits but Clear: copies
// run beside the computation (host_copies.h). Runs inside a TorchGuard. Codes:
// those of HostCopies, and FailedPrecondition as said.
class ActivationStore {
 public:
  explicit ActivationStore(std::unique_ptr<HostCopies> copies)
      : copies_(std::move(copies)) {}

  // FailedPrecondition if this micro-batch's block has state already. A tensor
  // that is to go to the host is contiguous.
  [[nodiscard]] absl::Status Put(Microbatch microbatch, int64_t block,
                                 std::vector<SavedTensor> tensors);

  // Starts bringing back what is in host memory, if anything is: a hint that
  // Take is near. Nothing happens for a block without state.
  [[nodiscard]] absl::Status Prefetch(Microbatch microbatch, int64_t block);

  // Gives the tensors back on the device and forgets them.
  // FailedPrecondition if there is nothing: a backward without its forward.
  [[nodiscard]] absl::StatusOr<SavedTensors> Take(Microbatch microbatch,
                                                  int64_t block);

  // Drops everything, when no copy touches it any more: the step was
  // abandoned.
  void Clear();

  // How many (micro-batch, block) pairs are held.
  [[nodiscard]] size_t size() const { return entries_.size(); }

  // Host memory held, in use or to be used again.
  [[nodiscard]] int64_t host_bytes() const { return copies_->host_bytes(); }

  // The largest host_bytes() since the last call of this.
  [[nodiscard]] int64_t TakePeakHostBytes();

 private:
  struct Entry {
    SavedTensors tensors;  // undefined where there is a copy
    std::vector<std::unique_ptr<HostCopy>> copies;  // null where there is none
    std::unique_ptr<Arrival> arrival;               // once fetched
    bool on_host = false;  // there is a copy that was not fetched
  };

  [[nodiscard]] absl::Status FetchEntry(Entry& entry);

  std::unique_ptr<HostCopies> copies_;
  std::map<std::pair<Microbatch, int64_t>, Entry> entries_;
  int64_t peak_host_bytes_ = 0;
  bool took_last_ = false;  // the newest call of Put and Take was Take
};

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_ACTIVATION_STORE_H_
