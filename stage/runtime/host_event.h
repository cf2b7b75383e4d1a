// An event of work that the CPU does: a flag, a status and a time stamp.
#ifndef HP_STAGE_RUNTIME_HOST_EVENT_H_
#define HP_STAGE_RUNTIME_HOST_EVENT_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// Used by the links of host memory and by computes without a GPU. Whoever
// makes it keeps it to call Set; everybody else sees an EventPtr. Time stamps
// are of the monotonic clock.
class HostEvent : public Event {
 public:
  HostEvent() = default;

  // An event that is set already, now and with an OK status.
  [[nodiscard]] static EventPtr Now();

  // Sets the event at the present time; WaitOnHost returns `status` from now
  // on. Only the first call counts.
  void Set(const absl::Status& status);

  [[nodiscard]] void* native() const override { return nullptr; }

  [[nodiscard]] absl::Status WaitOnHost(absl::Time deadline) const override;

  // FailedPrecondition when one is not set or `origin` is no HostEvent.
  [[nodiscard]] absl::StatusOr<double> SecondsSince(
      const Event& origin) const override;

 private:
  mutable absl::Mutex mutex_;
  bool set_ ABSL_GUARDED_BY(mutex_) = false;
  double seconds_ ABSL_GUARDED_BY(mutex_) = 0.0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_HOST_EVENT_H_
