// Tells a stage that stands still in a command from one that is slow.
#ifndef HP_COORDINATOR_RUN_PROGRESS_WATCH_H_
#define HP_COORDINATOR_RUN_PROGRESS_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/jobs/stage_progress.h"

namespace halfpipe {

// Where a stage is in the command that it runs, as its heartbeats say.
struct StageMark {
  int64_t sequence = 0;  // of the command
  bool in_step = false;
  int64_t action_index = -1;    // in a step; -1: before its first action
  StageProgress progress = {};  // outside one

  friend bool operator==(const StageMark&, const StageMark&) = default;
};

// A stage whose heartbeats come has a process that lives; whether it gets on
// is another question. A mark that does not change is time at one place, and
// what such times usually are is learnt:
//
//   an action of a step   5 times its median of the steps before, at least
//                         60 s; one that no heartbeat met took no time
//   anything else         5 times the median of its kind of work,
//                         at least 10 min: clips and files differ
//   too little is known   30 min
//
// In a step the stages wait for each other, so a step stands still only when
// every stage that is in one does. A stage that waits to join its peer, which
// may load for long, is not judged.
//
// Time counts from heartbeat to heartbeat, and at most ten seconds of it, so
// that neither side's standstill is taken for the other's. Reads no clock. Not
// thread-safe.
class ProgressWatch {
 public:
  struct Limits {
    double factor = 5.0;
    absl::Duration shortest_in_step = absl::Seconds(60);
    absl::Duration shortest_elsewhere = absl::Minutes(10);
    absl::Duration unknown = absl::Minutes(30);
  };

  // One stage that does not get on.
  struct Stall {
    int32_t rank = 0;
    StageMark mark;
    absl::Duration stood;
    absl::Duration median;  // zero: too short to be seen, or not known
  };

  ProgressWatch() : ProgressWatch(Limits()) {}

  explicit ProgressWatch(Limits limits) : limits_(limits) {}

  // A heartbeat from within a command. The stages that stand still: more than
  // one only in a step, where any of them may be the cause. Empty: none does.
  [[nodiscard]] std::vector<Stall> OnHeartbeat(int32_t rank,
                                               const StageMark& mark,
                                               absl::Time now);

  // The stage runs no command, or is gone.
  void OnIdle(int32_t rank);

  // What actions the steps have from now on: with another schedule, what was
  // learnt of actions is forgotten.
  void OnSchedule(const std::string& hash);

 private:
  using Dwells = std::map<int64_t, absl::Duration>;  // by action index

  struct Stage {
    std::optional<StageMark> mark;
    absl::Time beat;
    absl::Duration stood;
    Dwells step;               // of the step that is running
    std::deque<Dwells> steps;  // of the last ones
  };

  [[nodiscard]] Stage& StageOf(int32_t rank);
  // The stage was at its mark for as long as it stood.
  void Learn(Stage* stage);
  void EndStep(Stage* stage);
  // nullopt: too little is known.
  [[nodiscard]] std::optional<absl::Duration> MedianOf(
      const Stage& stage, const StageMark& mark) const;
  [[nodiscard]] absl::Duration LimitOf(const Stage& stage) const;
  [[nodiscard]] Stall StallOf(int32_t rank) const;
  [[nodiscard]] std::vector<Stall> JudgeStep() const;

  const Limits limits_;
  std::vector<Stage> stages_;  // by rank, as many as have been heard of
  std::map<StageWork, std::deque<absl::Duration>> elsewhere_;
  std::string schedule_hash_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_PROGRESS_WATCH_H_
