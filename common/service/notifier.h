// What a daemon tells the service manager that started it: the protocol of
// sd_notify(3), which is a datagram of lines.
#ifndef HP_COMMON_SERVICE_NOTIFIER_H_
#define HP_COMMON_SERVICE_NOTIFIER_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace halfpipe {

// Where no manager listens (NOTIFY_SOCKET is not set) every call does nothing;
// a message that cannot be sent is not tried again. Thread-safe.
class ServiceNotifier {
 public:
  // Reads WATCHDOG_USEC and WATCHDOG_PID.
  ServiceNotifier();

  // The process does its work from now on: READY=1.
  void Ready(absl::string_view status) ABSL_LOCKS_EXCLUDED(mutex_);

  // One line for `systemctl status`; the same again is not sent.
  void Status(absl::string_view status) ABSL_LOCKS_EXCLUDED(mutex_);

  // The process has got on: WATCHDOG=1, if the last one is a third of the
  // manager's limit ago. Called by whoever sees the progress, never by a timer
  // of its own: silence is how a hang is found.
  void Progress(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // The process ends: STOPPING=1.
  void Stopping(absl::string_view status) ABSL_LOCKS_EXCLUDED(mutex_);

  // A third of the manager's limit; infinite where it set none.
  [[nodiscard]] absl::Duration interval() const { return interval_; }

 private:
  const absl::Duration interval_;
  absl::Mutex mutex_;
  absl::Time last_progress_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::string last_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COMMON_SERVICE_NOTIFIER_H_
