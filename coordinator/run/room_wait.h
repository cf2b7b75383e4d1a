// A run's patience with disks that are full and systems that are short:
// nothing is lost by waiting, and the job goes on by itself.
#ifndef HP_COORDINATOR_RUN_ROOM_WAIT_H_
#define HP_COORDINATOR_RUN_ROOM_WAIT_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/run/next_move.h"
#include "coordinator/run/run_context.h"

namespace halfpipe {

// Not thread-safe.
class RoomWait {
 public:
  // `run` outlives it.
  explicit RoomWait(RunContext* run) : run_(run) {}

  // A command found a disk full: the others' results are waited for, then
  // Found says what is made again. `then`: kWaitForRoom, kRoomToSave or
  // kRoomToPublish.
  void OnDiskFull(absl::Status cause, Move then);

  [[nodiscard]] bool is_full() const { return cause_.has_value(); }

  // Where the machine goes once all have answered. REQUIRES: is_full().
  [[nodiscard]] NextMove AfterAnswers();

  // Waits from now on: the job's reason says for what.
  void Hold(Move what, const absl::Status& cause);

  // What is waited for; of the last Hold.
  [[nodiscard]] Move waited_for() const { return what_; }

  // Of each tick while it waits: whether to try again now.
  [[nodiscard]] bool IsTryDue(absl::Time now);
  // What was waited for is there.
  void OnRoom();

  // Whether `error` passes by itself: then the next tick starts again.
  [[nodiscard]] bool TakeShortage(const absl::Status& error);

  [[nodiscard]] bool is_short() const { return shortage_.has_value(); }

  // The first of them, once. REQUIRES: is_short().
  [[nodiscard]] absl::Status EndShortage();
  // How long a restart for a shortage waits, however often it takes; nullopt:
  // `cause` is none, and the attempts begin anew.
  [[nodiscard]] std::optional<absl::Duration> DelayFor(
      const absl::Status& cause);

  // A new epoch forgets what the last one found.
  void Forget();

 private:
  const RunContext* const run_;
  // Of a disk; set until all have answered.
  std::optional<absl::Status> cause_;
  std::optional<absl::Status> shortage_;
  Move what_ = Move::kWaitForRoom;
  int attempts_ = 0;
  std::optional<absl::Time> try_at_;  // the next tick sets it
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_ROOM_WAIT_H_
