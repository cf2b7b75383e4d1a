// The stages of one job: a table of any number of them, by rank.
#ifndef HP_COORDINATOR_RUN_STAGE_GROUP_H_
#define HP_COORDINATOR_RUN_STAGE_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/job_runner_host.h"

namespace halfpipe {

// A command that was sent and not yet answered.
struct SentCommand {
  int64_t sequence = 0;
  size_t kind = 0;  // index in CommandBody (coordinator/run/command_kinds.h)
  int64_t step = 0;
};

// Who is there, what each was told and has not answered, and what its process
// could go on with. Knows nothing of what the commands are for. A Rank that a
// method takes must be one of Contains. Not thread-safe.
class StageGroup {
 public:
  // `queues` outlives it.
  StageGroup(int32_t world, CommandQueues* queues);

  // The number of stages that the job has.
  [[nodiscard]] int32_t world() const {
    return static_cast<int32_t>(rows_.size());
  }

  [[nodiscard]] bool Contains(Rank rank) const {
    return rank.value() >= 0 && rank.value() < world();
  }

  // A process takes its row, with what it says it holds.
  void Join(const StageInfo& info);
  // Its process is gone, and its commands with it. False: none was there.
  [[nodiscard]] bool Leave(Rank rank);
  // nullptr: no process has the row.
  [[nodiscard]] const StageInfo* info(Rank rank) const;
  // Of all of them, by rank. REQUIRES: none is missing.
  [[nodiscard]] std::vector<StageInfo> Infos() const;
  // "stage 0 and stage 1"; "" where all are there.
  [[nodiscard]] std::string Missing() const;
  // nullopt: none is missing, or more than one.
  [[nodiscard]] std::optional<int32_t> OnlyMissing() const;

  // Keeps what the device has, and what of it is free now.
  void OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat);

  // 0: its heartbeats have not said it yet.
  [[nodiscard]] int64_t device_total_bytes(Rank rank) const {
    return row(rank).device_total_bytes;
  }

  // `step`: of a step's command, which messages name.
  void Send(Rank rank, CommandBody body, int64_t step = 0);
  void SendAll(const CommandBody& body, int64_t step = 0);
  // Takes back the stage's commands that were not delivered yet.
  void Retract(Rank rank);
  // Tells the stages that are there that the job is over; no answer is waited
  // for. `why` is EndCommand's.
  void SendEnd(const std::string& why);

  [[nodiscard]] bool AllAnswered() const;
  // The oldest unanswered command, which the stage runs or is to run next;
  // nullptr: none.
  [[nodiscard]] const SentCommand* running(Rank rank) const;

  [[nodiscard]] int64_t unanswered(Rank rank) const {
    return static_cast<int64_t>(row(rank).sent.size());
  }

  // The command that `result`, of the present epoch, answers, which is not
  // unanswered from then on; nullopt: repeated or unexpected.
  [[nodiscard]] std::optional<SentCommand> MatchResult(
      Rank rank, const CommandResult& result);

  // Voids what was sent. Codes: CommandQueues'.
  [[nodiscard]] absl::Status NewEpoch();

  [[nodiscard]] Epoch epoch() const { return epoch_; }

  // The one before.
  [[nodiscard]] Epoch last_epoch() const { return last_epoch_; }

  // Whether the last epoch ended before the stage had answered this command.
  [[nodiscard]] bool WasVoided(Rank rank, int64_t sequence, size_t kind) const;

  // What its process could go on with; nullopt: not known, or nothing.
  [[nodiscard]] const std::optional<LoadedJob>& held(Rank rank) const {
    return row(rank).held;
  }

  void SetHeld(Rank rank, LoadedJob held);
  void ForgetHeld();

 private:
  struct Row {
    std::optional<StageInfo> info;
    std::deque<SentCommand> sent;    // without an answer, oldest first
    std::deque<SentCommand> voided;  // those of the last epoch
    std::optional<LoadedJob> held;
    int64_t device_total_bytes = 0;
  };

  [[nodiscard]] const Row& row(Rank rank) const {
    return rows_[static_cast<size_t>(rank.value())];
  }

  [[nodiscard]] Row& row(Rank rank) {
    return rows_[static_cast<size_t>(rank.value())];
  }

  CommandQueues* const queues_;
  std::vector<Row> rows_;  // by rank
  Epoch epoch_;
  Epoch last_epoch_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_STAGE_GROUP_H_
