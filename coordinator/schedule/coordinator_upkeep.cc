// What the coordinator looks after besides the queue.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/schedule/coordinator.h"
#include "coordinator/store/store_copies.h"

namespace halfpipe {

void Coordinator::Scrub(absl::Time now) {
  constexpr absl::Duration kInterval = absl::Hours(1);
  if (!last_scrub_.has_value()) last_scrub_ = now;
  if (now - *last_scrub_ >= kInterval) {
    last_scrub_ = now;
    for (auto& [pair, run] : runs_) {
      scrub_.Look(run->job(), run->runner().CheckpointDirectories());
    }
  }
  for (const CheckpointScrub::Finding& finding : scrub_.Take()) {
    PairRun* const run = RunOf(finding.job);
    if (run == nullptr) continue;
    run->runner().OnScrubbed(finding.directory, finding.status);
  }
}

absl::StatusOr<std::string> Coordinator::Pulse() {
  absl::MutexLock lock(&mutex_);
  HP_RETURN_IF_ERROR(damage_);
  if (const absl::Status answer = store_.Probe(); !answer.ok()) {
    if (!absl::IsDataLoss(answer)) return answer;
    return ExplainDamage(answer, store_.state_dir());
  }
  return absl::StrCat(runs_.size(), " running, ", book_->queue().size(),
                      " queued, ", registry_.States(options_.clock()).size(),
                      " stages");
}

bool Coordinator::IsKeptForAnother(const std::vector<StageInfo>& stages,
                                   const std::string& id,
                                   absl::Time now) const {
  // After a restart a pair goes on with what it holds; not for ever, as that
  // job may wait for something else.
  constexpr absl::Duration kKeep = absl::Minutes(1);
  if (now - began_ > kKeep) return false;
  return std::any_of(stages.begin(), stages.end(), [&](const StageInfo& stage) {
    // Called with the lock held, as its caller says.
    mutex_.AssertHeld();
    return stage.loaded != nullptr && stage.loaded->start.job != id &&
           book_->queue().Position(stage.loaded->start.job) > 0;
  });
}

}  // namespace halfpipe
