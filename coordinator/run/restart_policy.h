// How often a job may be started again.
#ifndef HP_COORDINATOR_RUN_RESTART_POLICY_H_
#define HP_COORDINATOR_RUN_RESTART_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace halfpipe {

// Whether a command that ended so is worth another try with a new epoch:
// the process or its peer was away, the epoch was over, or a device failed that
// a fresh process may find well. Everything else would fail again.
[[nodiscard]] bool IsWorthRestart(const absl::Status& status);

// Counts restarts between which nothing was gained. Not thread-safe.
class RestartPolicy {
 public:
  explicit RestartPolicy(int32_t limit = 5) : limit_(limit) {}

  // Something was gained: a further step than ever before, or a phase that was
  // never reached before (the caller's measure, which only ever rises).
  void OnProgress(int64_t mark);

  // Counts a restart. How long to wait before it: 0 s, 1 s, 2 s, 4 s, ... at
  // most 30 s; nullopt when the limit is reached.
  [[nodiscard]] std::optional<absl::Duration> NextDelay();

  [[nodiscard]] int32_t limit() const { return limit_; }

 private:
  const int32_t limit_;
  int32_t fruitless_ = 0;
  int64_t best_mark_ = -1;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_RESTART_POLICY_H_
