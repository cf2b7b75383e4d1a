// Since when, and until when, queued jobs wait.
#ifndef HP_COORDINATOR_SCHEDULE_QUEUE_WAITS_H_
#define HP_COORDINATOR_SCHEDULE_QUEUE_WAITS_H_

#include <map>
#include <string>

#include "absl/time/time.h"

namespace halfpipe {

// Not thread-safe; reads no clock. `now` is of the monotonic clock.
class QueueWaits {
 public:
  // Since when the job could run if its stages were there: `now` of the first
  // call after it waited for something else.
  [[nodiscard]] absl::Time WaitsForStages(const std::string& job,
                                          absl::Time now);

  void WaitsForOther(const std::string& job) { since_.erase(job); }

  // Whether a job that is to be tried again has waited for long enough. `hour`,
  // which its record has, is the wall clock's; how long that is from now is
  // asked of `wall` once, and then waited for, whatever the wall clock does.
  [[nodiscard]] bool IsDue(const std::string& job, absl::Time hour,
                           absl::Time now, absl::Time wall);

  // It waits no more.
  void Forget(const std::string& job);

 private:
  struct Retry {
    absl::Time hour;  // in the record
    absl::Time due;   // the monotonic clock's
  };

  std::map<std::string, absl::Time> since_;
  std::map<std::string, Retry> retries_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_QUEUE_WAITS_H_
