#include "client/report/trace_picture.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/pipeline/transfer_ends.h"

namespace halfpipe {
namespace {

double LengthOf(const std::vector<std::vector<pipeline::TimedAction>>& ranks) {
  double end = 0.0;
  for (const auto& actions : ranks) {
    for (const pipeline::TimedAction& timed : actions) {
      end = std::max(end, timed.end_seconds);
    }
  }
  return end;
}

}  // namespace

std::vector<pipeline::TraceStep> PictureOf(
    const std::vector<StepTrace>& traces) {
  std::vector<pipeline::TraceStep> steps;
  double ended = 0.0;
  for (const StepTrace& trace : traces) {
    pipeline::TraceStep& step = steps.emplace_back();
    step.name = absl::StrCat("step ", trace.steps_done, ", loss ", trace.loss);
    for (const StageTrace& stage : trace.stages) {
      step.ranks.push_back(stage.actions);
    }
    pipeline::AlignClocks(&step.ranks);
    const double length = LengthOf(step.ranks);
    const double since_first =
        absl::ToDoubleSeconds(trace.time - traces.front().time);
    // The first one begins at 0.
    if (steps.size() > 1) {
      step.start_seconds =
          std::max(ended, since_first + LengthOf(steps.front().ranks) - length);
    }
    ended = step.start_seconds + length;
  }
  return steps;
}

}  // namespace halfpipe
