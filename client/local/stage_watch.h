// Tells a stage that hangs from one that works, starts or is away for a moment.
#ifndef HP_CLIENT_LOCAL_STAGE_WATCH_H_
#define HP_CLIENT_LOCAL_STAGE_WATCH_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace halfpipe {

// Watches one stage's place at the coordinator. A stage that works, loads
// weights or encodes holds its place by heartbeats from a thread of their own;
// one that stands still (stopped, stuck in a driver) loses it when its lease
// runs out. Then its process is of no use to the job, though it lives.
// Reads no clock. Not thread-safe.
class StageWatch {
 public:
  struct Limits {
    // How long a process may take until it first has its place.
    absl::Duration join = absl::Seconds(60);
    // How long it may be without a place that it had. The lease has run out
    // before; a stage that was only slow asks for its place again within a
    // heartbeat or two.
    absl::Duration lost = absl::Seconds(5);
  };

  // What is seen at one moment.
  struct Sight {
    pid_t child = 0;                // our process, alive
    std::optional<int64_t> holder;  // the process that has the place, if any
  };

  // Why the process should be killed.
  struct Verdict {
    bool had_place = false;  // it had its place and lost it
    absl::Duration without;  // for how long it was seen without
  };

  explicit StageWatch(Limits limits) : limits_(limits) {}

  // Call it every second or so. Times without a call for some seconds do not
  // count: whoever does not look does not know.
  [[nodiscard]] std::optional<Verdict> See(const Sight& sight, absl::Time now);

  // Nothing can be said now: the coordinator does not answer, or the process
  // is dead. The time without a place starts anew.
  void LookAway() { without_since_.reset(); }

 private:
  const Limits limits_;
  pid_t child_ = 0;
  bool had_place_ = false;  // `child_` did
  std::optional<absl::Time> without_since_;
  absl::Time last_seen_;
};

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_STAGE_WATCH_H_
