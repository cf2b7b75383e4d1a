#include "coordinator/run/stall_watch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/failure.h"
#include "coordinator/run/command_kinds.h"
#include "coordinator/run/job_failure.h"

namespace halfpipe {
namespace {

std::string Seconds(absl::Duration time) {
  return absl::StrCat(absl::ToInt64Seconds(time), " s");
}

StageMark MarkOf(const StageHeartbeat& heartbeat, size_t kind,
                 bool validating) {
  StageMark mark;
  mark.sequence = heartbeat.sequence;
  // An evaluation has other actions than the steps whose places are known.
  mark.in_step = kind == kStepKind && !validating;
  if (mark.in_step) {
    mark.action_index = heartbeat.action_index;
  } else {
    mark.progress = validating ? StageProgress{.work = StageWork::kValidating,
                                               .done = heartbeat.action_index}
                               : heartbeat.progress;
  }
  return mark;
}

}  // namespace

StallWatch::StallWatch(RunContext* run)
    : run_(run), given_up_(static_cast<size_t>(run->stages.world())) {}

std::optional<absl::Status> StallWatch::OnHeartbeat(
    Rank rank, const StageHeartbeat& heartbeat, bool validating,
    const pipeline::Schedule& schedule, bool cause_known, absl::Time now) {
  const SentCommand* const command = run_->stages.running(rank);
  // A command that waits for the stage is not one that it is in.
  if (command == nullptr || heartbeat.epoch != run_->stages.epoch() ||
      heartbeat.sequence != command->sequence) {
    watch_.OnIdle(rank.value());
    return std::nullopt;
  }
  const std::vector<ProgressWatch::Stall> stalls = watch_.OnHeartbeat(
      rank.value(), MarkOf(heartbeat, command->kind, validating), now);
  if (stalls.empty() || cause_known ||
      !std::all_of(stalls.begin(), stalls.end(),
                   [this](const auto& stall) { return IsStillIn(stall); })) {
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const ProgressWatch::Stall& stall : stalls) {
    texts.push_back(StallText(stall, schedule));
    given_up_[static_cast<size_t>(stall.rank)] = {
        run_->stages.running(Rank(stall.rank))->sequence, run_->stages.epoch()};
  }
  const std::string text =
      absl::StrCat(absl::StrJoin(texts, "; "),
                   ": it lives but makes no progress. It is told to give up "
                   "what it does; if it cannot, its process is started again. "
                   "If it happens again, look at that stage's log, dmesg (Xid, "
                   "hung tasks) and the disk it reads from");
  run_->Log(LogSeverity::kWarning, text);
  absl::Status stuck = absl::UnavailableError(text);
  MarkStuck(&stuck);
  return stalls.size() == 1 ? Described(stuck, stalls.front().rank) : stuck;
}

bool StallWatch::IsStillIn(const ProgressWatch::Stall& stall) const {
  const SentCommand* const command = run_->stages.running(Rank(stall.rank));
  return command != nullptr && command->sequence == stall.mark.sequence;
}

void StallWatch::OnNewEpoch() {
  for (int32_t rank = 0; rank < run_->stages.world(); ++rank) {
    watch_.OnIdle(rank);
  }
}

std::string StallWatch::StallText(const ProgressWatch::Stall& stall,
                                  const pipeline::Schedule& schedule) const {
  const auto rank = static_cast<size_t>(stall.rank);
  const SentCommand& command = *run_->stages.running(Rank(stall.rank));
  std::string text = absl::StrCat("stage ", stall.rank, " is stuck in ",
                                  kCommandNames[command.kind]);
  if (stall.mark.in_step) {
    absl::StrAppend(&text, " ", command.step);
    const auto index = static_cast<size_t>(stall.mark.action_index);
    if (stall.mark.action_index >= 0 && rank < schedule.ranks.size() &&
        index < schedule.ranks[rank].size()) {
      absl::StrAppend(&text, ", action ", index, " (",
                      pipeline::ToString(schedule.ranks[rank][index]), ")");
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

bool StallWatch::IsStuck(Rank rank, const StageHeartbeat& heartbeat) const {
  if (!run_->stages.Contains(rank)) return false;
  const GivenUp& last = given_up_[static_cast<size_t>(rank.value())];
  return last.sequence != 0 && heartbeat.epoch == last.epoch &&
         heartbeat.sequence == last.sequence;
}

}  // namespace halfpipe
