#include "stage/runtime/step_recorder.h"

#include <algorithm>

#include "common/base/status.h"

namespace halfpipe {

using pipeline::Action;
using pipeline::Op;

StepRecorder::StepRecorder(EventPtr origin) : origin_(std::move(origin)) {}

void StepRecorder::AddCompute(const Action& action, EventPtr begin,
                              EventPtr end) {
  const Consumer key{action.op,
                     {action.segment.value(), action.microbatch.value()}};
  const auto arrival = arrivals_.find(key);
  spans_.push_back({action, std::move(begin), std::move(end),
                    arrival == arrivals_.end() ? nullptr : arrival->second,
                    /*compute=*/true});
}

void StepRecorder::AddTransfer(const Action& action,
                               const TransferEvents& events) {
  const std::pair<int32_t, int32_t> ids{action.segment.value(),
                                        action.microbatch.value()};
  if (action.op == Op::kReceiveActivation) {
    arrivals_[{Op::kForward, ids}] = events.done;
  } else if (action.op == Op::kReceiveGradient) {
    arrivals_[{Op::kBackward, ids}] = events.done;
  } else if (action.op == Op::kExchangeGradNorm) {
    arrivals_[{Op::kOptimizerStep, ids}] = events.done;
  }
  spans_.push_back(
      {action, events.started, events.done, nullptr, /*compute=*/false});
}

absl::Status StepRecorder::Finish(StepReport* report) const {
  std::vector<std::pair<double, double>> busy;
  report->timings.clear();
  report->step_seconds = 0.0;
  for (const Span& span : spans_) {
    HP_ASSIGN_OR_RETURN(double begin, span.begin->SecondsSince(*origin_));
    HP_ASSIGN_OR_RETURN(double end, span.end->SecondsSince(*origin_));
    if (span.input_arrived != nullptr) {
      HP_ASSIGN_OR_RETURN(double arrived,
                          span.input_arrived->SecondsSince(*origin_));
      begin = std::min(std::max(begin, arrived), end);
    }
    report->timings.push_back({span.action, begin, end});
    report->step_seconds = std::max(report->step_seconds, end);
    if (span.compute) busy.emplace_back(begin, end);
  }
  report->busy_seconds = UnionSeconds(std::move(busy));
  return absl::OkStatus();
}

double UnionSeconds(std::vector<std::pair<double, double>> intervals) {
  std::sort(intervals.begin(), intervals.end());
  double total = 0.0;
  double covered_until = 0.0;
  for (const auto& [start, end] : intervals) {
    const double from = std::max(start, covered_until);
    if (end <= from) continue;
    total += end - from;
    covered_until = end;
  }
  return total;
}

}  // namespace halfpipe
