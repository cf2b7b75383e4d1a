#include "coordinator/page/curve_book.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<std::vector<LossPoint>> CurveBook::Look(const std::string& job) {
  std::vector<LossPoint> points;
  HP_RETURN_IF_ERROR(Read(job, [&points](const JobRecord& record) {
    points = record.curve().points();
  }));
  return points;
}

absl::Status CurveBook::Read(
    const std::string& job,
    const std::function<void(const JobRecord& record)>& use) {
  const absl::MutexLock lock(&mutex_);
  HP_ASSIGN_OR_RETURN(const JobRecord* const record, Update(job));
  use(*record);
  return absl::OkStatus();
}

absl::StatusOr<const JobRecord*> CurveBook::Update(const std::string& job) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const Entry& entry) { return entry.job == job; });
  if (found == entries_.end()) {
    entries_.push_front({.job = job, .cursor = 0, .record = {}});
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
    for (const JobEvent& event : *events) entry.record.Add(event);
    entry.cursor = events->back().cursor;
  }
  return &entry.record;
}

}  // namespace halfpipe
