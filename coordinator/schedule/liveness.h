// Whether the coordinator serves and its loop turns: what /healthz answers.
#ifndef HP_COORDINATOR_SCHEDULE_LIVENESS_H_
#define HP_COORDINATOR_SCHEDULE_LIVENESS_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace halfpipe {

// Thread-safe. Reads no clock.
class Liveness {
 public:
  // The loop turned. The first time says that the coordinator serves.
  void Beat(absl::Time now);

  // Empty: all is well. Else what is not.
  [[nodiscard]] std::string Problem(absl::Time now) const;

 private:
  mutable absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_LIVENESS_H_
