// A point in a stream of work, for ordering other work behind it.
#ifndef HP_STAGE_RUNTIME_EVENT_H_
#define HP_STAGE_RUNTIME_EVENT_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace halfpipe {

// Set once all work that was enqueued before it has finished. On a GPU it
// wraps a CUDA event; without one it is a flag and a time stamp. Immutable
// from outside; every method may be called from any thread.
class Event {
 public:
  virtual ~Event() = default;

  // The cudaEvent_t behind it, or nullptr when host memory is all there is.
  // A stream orders itself behind a native event without blocking the host.
  [[nodiscard]] virtual void* native() const = 0;

  // Blocks until the event is set. DeadlineExceeded past `deadline`; the
  // status of the work when it failed or was aborted.
  [[nodiscard]] virtual absl::Status WaitOnHost(absl::Time deadline) const = 0;

  // Seconds from `origin` to this event, both set. FailedPrecondition when
  // one is not set, or when they are of different kinds.
  [[nodiscard]] virtual absl::StatusOr<double> SecondsSince(
      const Event& origin) const = 0;
};

using EventPtr = std::shared_ptr<const Event>;

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_EVENT_H_
