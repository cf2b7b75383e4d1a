// What a run does about what goes wrong: it asks for the cause, counts its
// restarts, and waits for stages and for room.
#ifndef HP_COORDINATOR_RUN_RECOVERY_H_
#define HP_COORDINATOR_RUN_RECOVERY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/restart_policy.h"
#include "coordinator/run/room_wait.h"
#include "coordinator/run/run_context.h"

namespace halfpipe {

// Not thread-safe.
class Recovery {
 public:
  // `run` outlives it.
  explicit Recovery(RunContext* run) : run_(run), room_(run) {}

  [[nodiscard]] RoomWait& room() { return room_; }

  [[nodiscard]] const RoomWait& room() const { return room_; }

  // The job waits for its stages from now on, and goes on after `delay` at the
  // earliest. `cause`: of a restart; "": none.
  void BeginWait(const std::string& cause, absl::Duration delay,
                 absl::Time now);

  [[nodiscard]] bool IsDelayOver(absl::Time now) const {
    return now >= resume_at_;
  }

  // DeadlineExceeded: a stage is missing for too long. OK: not yet. REQUIRES:
  // one is missing.
  [[nodiscard]] absl::Status CheckPatience(absl::Time now) const;

  // The job trains again.
  void OnRunning() { cause_.clear(); }

  // A stage failed in a way that its peer may know the cause of. It is asked
  // for until `now` and a grace.
  void Suspect(absl::Status cause, absl::Time now);

  [[nodiscard]] bool has_suspicion() const { return suspected_.has_value(); }

  [[nodiscard]] bool IsSuspicionDue(absl::Time now) const {
    return suspected_.has_value() && now > suspected_until_;
  }

  // REQUIRES: has_suspicion().
  [[nodiscard]] absl::Status EndSuspicion();

  void ForgetSuspicion() { suspected_.reset(); }

  // The cause, of the suspicion and a later report: the first one counts,
  // unless it was an echo of a device's fault.
  [[nodiscard]] absl::Status CauseWith(const absl::Status& report);
  // Why the stages form again when this one's process is gone.
  [[nodiscard]] absl::Status CauseOfLoss(Rank rank) const;
  // Whether a result of the last epoch says why it ended.
  [[nodiscard]] bool MayBeCause(Rank rank, const CommandResult& result) const;

  // Something was gained (RestartPolicy::OnProgress).
  void OnProgress(int64_t mark) { restarts_.OnProgress(mark); }

  // How long to wait before the next restart. The cause, when there were too
  // many for nothing.
  [[nodiscard]] absl::StatusOr<absl::Duration> DelayBeforeRestart(
      const absl::Status& cause);

 private:
  const RunContext* const run_;
  RoomWait room_;
  RestartPolicy restarts_;
  std::optional<absl::Status> suspected_;
  absl::Time suspected_until_;
  absl::Time wait_since_;
  absl::Time resume_at_;
  std::string cause_;  // of the last restart, until the job runs again
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_RECOVERY_H_
