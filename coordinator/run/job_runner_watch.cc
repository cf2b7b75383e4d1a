// The runner's eye on stages that live and do not get on.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/failure.h"
#include "coordinator/run/command_kinds.h"
#include "coordinator/run/job_failure.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {
namespace {

std::string Seconds(absl::Duration time) {
  return absl::StrCat(absl::ToInt64Seconds(time), " s");
}

}  // namespace

void JobRunner::WatchProgress(Rank rank, const StageHeartbeat& heartbeat,
                              absl::Time now) {
  const Stage& stage = stages_[static_cast<size_t>(rank.value())];
  // A command that waits for the stage is not one that it is in.
  if (stage.pending.empty() || heartbeat.epoch != epoch_ ||
      heartbeat.sequence != stage.pending.front().sequence) {
    return watch_.OnIdle(rank.value());
  }
  StageMark mark;
  mark.sequence = heartbeat.sequence;
  // An evaluation has other actions than the steps whose places are known.
  mark.in_step = stage.pending.front().kind == kStepKind && !validating_;
  if (mark.in_step) {
    mark.action_index = heartbeat.action_index;
  } else {
    mark.progress = validating_ ? StageProgress{.work = StageWork::kValidating,
                                                .done = heartbeat.action_index}
                                : heartbeat.progress;
  }
  const std::vector<ProgressWatch::Stall> stalls =
      watch_.OnHeartbeat(rank.value(), mark, now);
  // The cause of an epoch that is over is asked for already.
  if (stalls.empty() || suspected_.has_value()) return;
  for (const ProgressWatch::Stall& stall : stalls) {
    // What its last heartbeat was in has been reported since.
    const auto& pending = stages_[static_cast<size_t>(stall.rank)].pending;
    if (pending.empty() || pending.front().sequence != stall.mark.sequence) {
      return;
    }
  }
  std::vector<std::string> texts;
  for (const ProgressWatch::Stall& stall : stalls) {
    Stage& stuck = stages_[static_cast<size_t>(stall.rank)];
    texts.push_back(StallText(stall));
    stuck.stuck = stuck.pending.front();
    stuck.stuck_epoch = epoch_;
  }
  const std::string text =
      absl::StrCat(absl::StrJoin(texts, "; "),
                   ": alive, but it does not get on. The command is given up; "
                   "a process that cannot end it is started again. If it "
                   "happens again, look at that stage's log, dmesg (Xid, hung "
                   "tasks) and the disk it reads from");
  Say(LogSeverity::kWarning, text);
  absl::Status stuck = absl::UnavailableError(text);
  MarkStuck(&stuck);
  Restart(stalls.size() == 1 ? Described(stuck, stalls.front().rank) : stuck,
          now);
}

std::string JobRunner::StallText(const ProgressWatch::Stall& stall) const {
  const auto rank = static_cast<size_t>(stall.rank);
  const Pending& command = stages_[rank].pending.front();
  std::string text = absl::StrCat("stage ", stall.rank, " is stuck in ",
                                  kCommandNames[command.kind]);
  if (stall.mark.in_step) {
    absl::StrAppend(&text, " ", command.step);
    const auto index = static_cast<size_t>(stall.mark.action_index);
    if (stall.mark.action_index >= 0 && rank < schedule_.ranks.size() &&
        index < schedule_.ranks[rank].size()) {
      absl::StrAppend(&text, ", action ", index, " (",
                      pipeline::ToString(schedule_.ranks[rank][index]), ")");
    }
  } else if (const std::string at = ProgressText(stall.mark.progress);
             !at.empty()) {
    absl::StrAppend(&text, " (", at, ")");
  }
  absl::StrAppend(&text, " for ", Seconds(stall.stood));
  if (stall.median > absl::ZeroDuration()) {
    absl::StrAppend(&text, ", usually ", Seconds(stall.median));
  }
  return text;
}

bool JobRunner::IsStuck(Rank rank, const StageHeartbeat& heartbeat) const {
  if (rank.value() < 0 || rank.value() >= world_) return false;
  const Stage& stage = stages_[static_cast<size_t>(rank.value())];
  return stage.stuck.sequence != 0 && heartbeat.epoch == stage.stuck_epoch &&
         heartbeat.sequence == stage.stuck.sequence;
}

}  // namespace halfpipe
