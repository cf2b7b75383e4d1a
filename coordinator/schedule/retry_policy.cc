#include "coordinator/schedule/retry_policy.h"

#include <algorithm>

#include "coordinator/run/restart_policy.h"

namespace halfpipe {
namespace {

constexpr int32_t kMostDoublings = 20;

}  // namespace

std::optional<absl::Duration> RetryDelay(const absl::Status& error,
                                         int32_t retries, int32_t limit,
                                         absl::Duration backoff) {
  if (retries >= limit || !IsWorthRestart(error)) return std::nullopt;
  const int64_t factor = int64_t{1} << std::min(retries, kMostDoublings);
  return std::min(backoff * factor, kLongestRetryDelay);
}

}  // namespace halfpipe
