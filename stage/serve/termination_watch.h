// The signals of a stage process.
#ifndef HP_STAGE_SERVE_TERMINATION_WATCH_H_
#define HP_STAGE_SERVE_TERMINATION_WATCH_H_

#include <signal.h>

#include <functional>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace halfpipe {

// Requests a stop when SIGTERM or SIGINT arrives. SIGHUP asks a daemon to read
// its settings again and ends nothing. Made before any other thread, so that
// all of them inherit the blocked mask.
class TerminationWatch {
 public:
  TerminationWatch();
  ~TerminationWatch();

  TerminationWatch(const TerminationWatch&) = delete;
  TerminationWatch& operator=(const TerminationWatch&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

  // Called on a thread of this object's for every SIGHUP from now on; null: for
  // none. Returns when no call is under way.
  void OnHangUp(std::function<void()> reload) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);

  sigset_t signals_{};
  std::stop_source stop_;
  absl::Mutex mutex_;
  std::function<void()> reload_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_TERMINATION_WATCH_H_
