// What the stages say, and who hears of it.
#ifndef HP_COORDINATOR_SCHEDULE_STAGE_DESK_H_
#define HP_COORDINATOR_SCHEDULE_STAGE_DESK_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/schedule/pair_runs.h"
#include "coordinator/schedule/stage_registry.h"

namespace halfpipe {

// Takes each call of StageService to the registry, and to the run on the
// stage's pair. Not thread-safe.
class StageDesk {
 public:
  // `runs` outlives it.
  explicit StageDesk(PairRuns* runs)
      : services_(runs->services()), runs_(runs) {}

  // Codes: StageRegistry's.
  [[nodiscard]] absl::Status Register(const StageInfo& info, absl::Time now);
  [[nodiscard]] absl::Status Report(const StagePlace& place,
                                    uint64_t incarnation,
                                    const CommandResult& result,
                                    absl::Time now);
  [[nodiscard]] absl::StatusOr<HeartbeatReply> Heartbeat(
      const StagePlace& place, uint64_t incarnation,
      const StageHeartbeat& heartbeat, absl::Time now);

  // Removes the stages that are lost, and tells the runs. True: there was one.
  bool OnTick(absl::Time now);

 private:
  const RunServices& services_;  // of runs_
  PairRuns* const runs_;
  std::optional<absl::Time> last_tick_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_STAGE_DESK_H_
