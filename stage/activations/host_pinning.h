// How host memory becomes page-locked: the driver's part of a PinnedPool.
#ifndef HP_STAGE_ACTIVATIONS_HOST_PINNING_H_
#define HP_STAGE_ACTIVATIONS_HOST_PINNING_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace halfpipe {

// Not thread-safe. Tests refuse memory through it.
class HostPinning {
 public:
  virtual ~HostPinning() = default;

  // What the host still has for this process; 0: not known. Touching more than
  // it has would not fail but end some process.
  [[nodiscard]] virtual int64_t AvailableBytes() = 0;

  // Page-locked memory, its pages there. ResourceExhausted, with the reason
  // alone as the message: the host has no more, or may not pin it.
  [[nodiscard]] virtual absl::StatusOr<void*> Pin(size_t bytes) = 0;

  // Undoes a Pin of so many bytes.
  virtual void Unpin(void* data, size_t bytes) = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ACTIVATIONS_HOST_PINNING_H_
