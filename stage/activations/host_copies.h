// The way of saved tensors to host memory and back, beside the computation.
#ifndef HP_STAGE_ACTIVATIONS_HOST_COPIES_H_
#define HP_STAGE_ACTIVATIONS_HOST_COPIES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/plan/offload_depth.h"

namespace halfpipe {

// A tensor in host memory. Destroying it gives its buffer back.
class HostCopy {
 public:
  virtual ~HostCopy() = default;
};

// The arrival of a block's tensors on the device.
class Arrival {
 public:
  virtual ~Arrival() = default;
};

// Copies between one device and the host. Nothing waits on the host thread: on
// CUDA each direction has a stream of its own, ordered by events with the
// calling thread's current stream, so that both run under the computation and
// under each other. One thread, inside a TorchGuard. Codes: ResourceExhausted
// for memory that could not be had or pinned, Internal for a device fault.
class HostCopies {
 public:
  virtual ~HostCopies() = default;

  // Starts the copy of a contiguous tensor to the host. Its device memory
  // stays referenced here until nothing can overwrite it before the copy.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<HostCopy>> Offload(
      const at::Tensor& tensor) = 0;

  // Marks the end of a block's offloads. The device memory of at most
  // kOffloadDepth blocks waits for its copies: then the computation does.
  [[nodiscard]] virtual absl::Status EndOffloads() = 0;

  // Lets go of all device memory that waits for its copies; the computation
  // waits for what is not copied yet.
  [[nodiscard]] virtual absl::Status ReleaseOffloads() = 0;

  // Allocates the tensor on the device again and starts the copy to it.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> Fetch(HostCopy& copy) = 0;

  // The arrival of every tensor fetched so far.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<Arrival>>
  EndFetches() = 0;

  // Orders later work on the current stream behind an arrival.
  [[nodiscard]] virtual absl::Status Await(const Arrival& arrival) = 0;

  // Waits on the host for all copies, and lets go of device memory.
  [[nodiscard]] virtual absl::Status Drain() = 0;

  // Host memory held: in use, or kept to be used again.
  [[nodiscard]] virtual int64_t host_bytes() const = 0;
};

// For a CPU device the bytes are copied at once.
[[nodiscard]] absl::StatusOr<std::unique_ptr<HostCopies>> MakeHostCopies(
    const at::Device& device);

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_HOST_COPIES_H_
