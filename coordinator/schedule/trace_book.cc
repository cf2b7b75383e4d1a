#include "coordinator/schedule/trace_book.h"

#include <algorithm>
#include <numeric>

namespace halfpipe {
namespace {

size_t ActionsOf(const std::deque<StepTrace>& steps) {
  size_t count = 0;
  for (const StepTrace& step : steps) {
    for (const StageTrace& stage : step.stages) count += stage.actions.size();
  }
  return count;
}

}  // namespace

void TraceBook::Add(const std::string& job, StepTrace trace) {
  auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const Entry& entry) { return entry.job == job; });
  Entry entry{job, {}};
  if (found != entries_.end()) {
    entry = std::move(*found);
    entries_.erase(found);
  }
  entry.steps.push_back(std::move(trace));
  while (entry.steps.size() > 1 &&
         (entry.steps.size() > kSteps || ActionsOf(entry.steps) > kActions)) {
    entry.steps.pop_front();
  }
  entries_.push_back(std::move(entry));
  if (entries_.size() > kJobs) entries_.pop_front();
}

void TraceBook::Forget(const std::string& job) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.job == job; });
}

std::vector<StepTrace> TraceBook::Last(const std::string& job,
                                       int32_t steps) const {
  for (const Entry& entry : entries_) {
    if (entry.job != job) continue;
    const size_t count =
        steps <= 0
            ? entry.steps.size()
            : std::min<size_t>(entry.steps.size(), static_cast<size_t>(steps));
    return {entry.steps.end() - static_cast<std::ptrdiff_t>(count),
            entry.steps.end()};
  }
  return {};
}

StepTrace TraceOf(int64_t steps_done, absl::Time time,
                  const std::vector<StepReport>& reports,
                  const std::vector<StageTimes>& times) {
  StepTrace trace{.steps_done = steps_done, .time = time};
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    const StepReport& report = reports[rank];
    StageTrace& stage = trace.stages.emplace_back();
    stage.rank = static_cast<int32_t>(rank);
    stage.actions = report.timings;
    stage.step_seconds = report.step_seconds;
    stage.busy_seconds = times[rank].busy;
    stage.bubble_seconds = times[rank].bubble;
    stage.recv_seconds = times[rank].recv;
    stage.data_seconds = times[rank].data;
    stage.link_bytes_sent = report.link_bytes_sent;
    if (report.losses.empty()) continue;
    trace.loss =
        std::accumulate(report.losses.begin(), report.losses.end(), 0.0) /
        static_cast<double>(report.losses.size());
  }
  return trace;
}

}  // namespace halfpipe
