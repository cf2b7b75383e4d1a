#include "coordinator/schedule/queue_waits.h"

#include <algorithm>

#include "coordinator/schedule/retry_policy.h"

namespace halfpipe {

absl::Time QueueWaits::WaitsForStages(const std::string& job, absl::Time now) {
  return since_.try_emplace(job, now).first->second;
}

bool QueueWaits::IsDue(const std::string& job, absl::Time hour, absl::Time now,
                       absl::Time wall) {
  if (hour == absl::InfinitePast()) return true;
  auto& [known, due] = retries_[job];
  if (known != hour) {
    known = hour;
    due = now + std::min(hour - wall, kLongestRetryDelay);
  }
  return now >= due;
}

void QueueWaits::Forget(const std::string& job) {
  since_.erase(job);
  retries_.erase(job);
}

}  // namespace halfpipe
