// A run's eye on stages that live and do not get on.
#ifndef HP_COORDINATOR_RUN_STALL_WATCH_H_
#define HP_COORDINATOR_RUN_STALL_WATCH_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"
#include "common/pipeline/schedule.h"
#include "coordinator/run/progress_watch.h"
#include "coordinator/run/run_context.h"

namespace halfpipe {

// Not thread-safe.
class StallWatch {
 public:
  // `run` outlives it.
  explicit StallWatch(RunContext* run);

  // `validating`: the steps' commands are evaluations. `schedule`: the steps'.
  // `cause_known`: the epoch is over, and nothing is given up. Returns why the
  // stages' commands are given up; nullopt: they get on.
  [[nodiscard]] std::optional<absl::Status> OnHeartbeat(
      Rank rank, const StageHeartbeat& heartbeat, bool validating,
      const pipeline::Schedule& schedule, bool cause_known, absl::Time now);
  // The epoch is over.
  void OnNewEpoch();

  // What actions the steps have from now on.
  void OnSchedule(const std::string& hash) { watch_.OnSchedule(hash); }

  // Whether this heartbeat's command stood still and was given up.
  [[nodiscard]] bool IsStuck(Rank rank, const StageHeartbeat& heartbeat) const;

 private:
  // The last command that was given up; sequence 0: none.
  struct GivenUp {
    int64_t sequence = 0;
    Epoch epoch;
  };

  [[nodiscard]] std::string StallText(const ProgressWatch::Stall& stall,
                                      const pipeline::Schedule& schedule) const;
  // What its last heartbeat was in has not been reported since.
  [[nodiscard]] bool IsStillIn(const ProgressWatch::Stall& stall) const;

  const RunContext* const run_;
  ProgressWatch watch_;
  std::vector<GivenUp> given_up_;  // by rank
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_STALL_WATCH_H_
