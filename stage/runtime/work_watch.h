// Whether a stage process gets on, as far as it can tell by itself.
#ifndef HP_STAGE_RUNTIME_WORK_WATCH_H_
#define HP_STAGE_RUNTIME_WORK_WATCH_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/jobs/stage_progress.h"

namespace halfpipe {

// Where a stage process is.
struct WorkPlace {
  // Counts the turns of the worker's loop: calls to the coordinator, pauses.
  int64_t turns = 0;
  // A command is being run, and where in it.
  bool running = false;
  int64_t sequence = 0;
  Step step = {};
  int64_t action_index = -1;
  StageProgress progress = {};

  friend bool operator==(const WorkPlace&, const WorkPlace&) = default;
};

// The last resort behind the coordinator's watch, which knows how long an
// action of this job usually takes: this one also works when the coordinator is
// away, so its limits are wide. Reads no clock. Not thread-safe.
class WorkWatch {
 public:
  struct Limits {
    // Outside a command the longest single call has a deadline of seconds.
    absl::Duration idle = absl::Minutes(2);
    // One action, or the peer's load from a slow disk: four times what the
    // coordinator grants where it knows nothing yet.
    absl::Duration in_command = absl::Hours(2);
  };

  explicit WorkWatch(Limits limits) : limits_(limits) {}

  // Called every few seconds. False: the process has been at this place for
  // longer than it may.
  [[nodiscard]] bool GetsOn(const WorkPlace& place, absl::Time now);

 private:
  const Limits limits_;
  std::optional<WorkPlace> place_;
  absl::Time since_ = absl::InfinitePast();
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_WORK_WATCH_H_
