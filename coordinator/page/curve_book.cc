#include "coordinator/page/curve_book.h"

#include <algorithm>
#include <variant>

namespace halfpipe {

absl::StatusOr<std::vector<LossPoint>> CurveBook::Look(const std::string& job) {
  const absl::MutexLock lock(&mutex_);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const Entry& entry) { return entry.job == job; });
  if (found == entries_.end()) {
    entries_.push_front({job, 0, {}});
    if (entries_.size() > kJobs) entries_.pop_back();
  } else {
    entries_.splice(entries_.begin(), entries_, found);
  }
  Entry& entry = entries_.front();
  for (int i = 0; i < kMostBatches; ++i) {
    absl::StatusOr<std::vector<JobEvent>> events =
        read_events_(job, entry.cursor);
    if (!events.ok()) {
      entries_.pop_front();
      return events.status();
    }
    if (events->empty()) break;
    for (const JobEvent& event : *events) {
      if (const auto* step = std::get_if<StepProgress>(&event.what)) {
        entry.curve.Add(*step);
      }
    }
    entry.cursor = events->back().cursor;
  }
  return entry.curve.points();
}

}  // namespace halfpipe
