// Which stage processes are there, and the commands that wait for them.
#ifndef HP_COORDINATOR_SCHEDULE_STAGE_REGISTRY_H_
#define HP_COORDINATOR_SCHEDULE_STAGE_REGISTRY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// A place in a pair, which has as many as StageRegistryOptions says.
struct StagePlace {
  std::string pair;
  Rank rank;

  friend auto operator<=>(const StagePlace&, const StagePlace&) = default;
};

// Whether the process is known to be gone. Only a process of this machine can
// be known so; false means: alive or unknown.
using ProcessProbe = std::function<bool(const std::string& host, int64_t pid)>;

struct StageRegistryOptions {
  absl::Duration lease = absl::Seconds(10);
  ProcessProbe is_gone = [](const std::string&, int64_t) { return false; };
  std::string version = {};  // of this program: the stages' too
  int32_t stages_of_pair = 2;
};

// A stage holds its place by a lease, which every call renews. A place that
// is held is given to no other process. One queue of commands a stage, in the
// order of `sequence`, which starts at 1 with every registration.
// Not thread-safe; reads no clock.
class StageRegistry {
 public:
  explicit StageRegistry(StageRegistryOptions options)
      : options_(std::move(options)) {}

  // True: the place's queue started anew, so that a job that used this place
  // has lost its stage. AlreadyExists: another live process has the place.
  // FailedPrecondition: a stage of another version.
  // InvalidArgument: no such place, or a name that is too long or holds what a
  // terminal would obey.
  [[nodiscard]] absl::StatusOr<bool> Register(const StageInfo& info,
                                              absl::Time now);

  // Renews the lease. FailedPrecondition "not registered" for another
  // incarnation than the one that holds the place.
  [[nodiscard]] absl::Status Renew(const StagePlace& place,
                                   uint64_t incarnation, absl::Time now);
  // Also keeps what the stage says of free memory: Find gives it.
  [[nodiscard]] absl::Status OnHeartbeat(const StagePlace& place,
                                         uint64_t incarnation,
                                         const StageHeartbeat& heartbeat,
                                         absl::Time now);
  // Whether the step that a stage is in, which is not registered, can never
  // end: another one of its pair is, and holds the boundary before that step. A
  // coordinator died between the commands.
  [[nodiscard]] bool WaitsInVain(const StagePlace& place,
                                 const StageHeartbeat& heartbeat) const;

  // Removes the stages whose lease ran out or whose process is gone, and
  // returns their places. A process that `is_gone` did not see when it
  // registered lives in another PID namespace: its lease alone counts.
  [[nodiscard]] std::vector<StagePlace> RemoveLost(absl::Time now);
  // Gives every lease `more` time: the caller itself was held up.
  void ExtendLeases(absl::Duration more);

  // Queues a command and returns its sequence. Drops it and returns 0 where
  // nobody holds the place: of two stages lost at once, the job hears of one
  // first.
  int64_t Push(const StagePlace& place, Epoch epoch, CommandBody body);
  // Takes back the commands that Next has not given out yet and returns the
  // last sequence that it has; what comes next is numbered from there. A
  // place that is not held has none.
  int64_t Retract(const StagePlace& place);
  // The same of every stage of the pair.
  void RetractAll(const std::string& pair);
  // The first command after `last_sequence`, and forgets those before it;
  // nullopt when there is none. REQUIRES: the place is held.
  [[nodiscard]] std::optional<StageCommand> Next(const StagePlace& place,
                                                 int64_t last_sequence);

  // nullptr when the place is not held.
  [[nodiscard]] const StageInfo* Find(const StagePlace& place) const;
  // Those of the pair that are there, by rank.
  [[nodiscard]] std::vector<StageInfo> StagesOf(const std::string& pair) const;
  // Names of the pairs that have at least one stage, sorted.
  [[nodiscard]] std::vector<std::string> Pairs() const;
  [[nodiscard]] std::vector<StageState> States(absl::Time now) const;

 private:
  struct Stage {
    StageInfo info;
    StageHeartbeat heartbeat;
    absl::Time renewed;
    bool in_sight = false;  // is_gone told it from a dead process
    std::deque<StageCommand> commands;
    int64_t last_pushed = 0;
    int64_t last_delivered = 0;
  };

  [[nodiscard]] bool IsLost(const Stage& stage, absl::Time now) const;

  const StageRegistryOptions options_;
  std::map<StagePlace, Stage> stages_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_STAGE_REGISTRY_H_
