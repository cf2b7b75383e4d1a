// Page-locked host buffers that are used again instead of being freed: pinning
// a page costs more than copying it.
#ifndef HP_STAGE_ACTIVATIONS_PINNED_POOL_H_
#define HP_STAGE_ACTIVATIONS_PINNED_POOL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stage/activations/host_pinning.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// One buffer; `last_use` is behind the last work that touches it, or null.
struct PinnedBuffer {
  void* data = nullptr;
  size_t bytes = 0;
  EventPtr last_use;
};

// One thread. Every buffer must be back before the pool goes.
class PinnedPool {
 public:
  explicit PinnedPool(std::unique_ptr<HostPinning> pinning)
      : pinning_(std::move(pinning)) {}

  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;
  ~PinnedPool();

  // A buffer of exactly `bytes`; order a write to it behind its `last_use`.
  // Where the host has no more, idle buffers of other sizes are given up for
  // it: then it waits for the work on them. ResourceExhausted, with a
  // PinRefusal (common/jobs/failure_notes.h): that was not enough.
  [[nodiscard]] absl::StatusOr<PinnedBuffer> Take(size_t bytes);
  void Return(PinnedBuffer buffer);

  // Pinned now, in use or not.
  [[nodiscard]] int64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] absl::StatusOr<PinnedBuffer> PinNew(size_t bytes);
  [[nodiscard]] absl::Status DropIdle();

  const std::unique_ptr<HostPinning> pinning_;
  std::multimap<size_t, PinnedBuffer> free_;
  int64_t bytes_ = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_PINNED_POOL_H_
