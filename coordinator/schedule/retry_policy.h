// Whether a job that failed is tried again by itself.
#ifndef HP_COORDINATOR_SCHEDULE_RETRY_POLICY_H_
#define HP_COORDINATOR_SCHEDULE_RETRY_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace halfpipe {

inline constexpr absl::Duration kLongestRetryDelay = absl::Hours(1);

// How long to wait before the next try of a job that failed with `error` and
// was tried again `retries` times: `backoff`, doubled with each retry, at most
// kLongestRetryDelay. nullopt: no try is left of `limit`, or another one would
// fail the same way (IsWorthRestart of restart_policy.h: config, data,
// permissions and memory are not mended by time).
[[nodiscard]] std::optional<absl::Duration> RetryDelay(
    const absl::Status& error, int32_t retries, int32_t limit,
    absl::Duration backoff);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_RETRY_POLICY_H_
