#include "client/report/trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/pipeline/transfer_ends.h"

namespace halfpipe::pipeline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kComputeTrack = 0;
constexpr int kTransferTrack = 1;
constexpr int kStepTrack = 2;
constexpr double kMicrosecondsPerSecond = 1e6;

struct Look {
  const char* category;
  int track;
};

Look LookOf(Op op) {
  switch (op) {
    case Op::kForward:
      return {"forward", kComputeTrack};
    case Op::kBackward:
      return {"backward", kComputeTrack};
    case Op::kOptimizerStep:
      return {"optimizer", kComputeTrack};
    case Op::kExchangeGradNorm:
      return {"norm", kTransferTrack};
    case Op::kSendActivation:
    case Op::kSendGradient:
      return {"send", kTransferTrack};
    case Op::kReceiveActivation:
    case Op::kReceiveGradient:
      return {"receive", kTransferTrack};
  }
  return {"other", kComputeTrack};
}

Json NameEvent(const char* what, size_t rank, int track,
               const std::string& name) {
  return Json{{"name", what},
              {"ph", "M"},
              {"pid", rank},
              {"tid", track},
              {"args", {{"name", name}}}};
}

// One action as a complete event.
Json ActionEvent(const TimedAction& timed, size_t rank, double origin) {
  const Look look = LookOf(timed.action.op);
  const double seconds = timed.end_seconds - timed.start_seconds;
  return Json{{"name", ToString(timed.action)},
              {"cat", look.category},
              {"ph", "X"},
              {"ts", (origin + timed.start_seconds) * kMicrosecondsPerSecond},
              {"dur", seconds * kMicrosecondsPerSecond},
              {"pid", rank},
              {"tid", look.track},
              {"args",
               {{"segment", timed.action.segment.value()},
                {"microbatch", timed.action.microbatch.value()}}}};
}

// From the rank's first action to its last.
Json StepEvent(const TraceStep& step, size_t rank) {
  double begin = step.ranks[rank].front().start_seconds;
  double end = begin;
  for (const TimedAction& timed : step.ranks[rank]) {
    begin = std::min(begin, timed.start_seconds);
    end = std::max(end, timed.end_seconds);
  }
  return Json{{"name", step.name},
              {"cat", "step"},
              {"ph", "X"},
              {"ts", (step.start_seconds + begin) * kMicrosecondsPerSecond},
              {"dur", (end - begin) * kMicrosecondsPerSecond},
              {"pid", rank},
              {"tid", kStepTrack}};
}

}  // namespace

std::string TraceJson(const std::vector<TraceStep>& steps) {
  Json events = Json::array();
  size_t ranks = 0;
  for (const TraceStep& step : steps) {
    ranks = std::max(ranks, step.ranks.size());
  }
  for (size_t r = 0; r < ranks; ++r) {
    events.push_back(
        NameEvent("process_name", r, kComputeTrack, absl::StrCat("stage", r)));
    events.push_back(NameEvent("thread_name", r, kComputeTrack, "compute"));
    events.push_back(NameEvent("thread_name", r, kTransferTrack, "transfers"));
    for (const TraceStep& step : steps) {
      if (r >= step.ranks.size() || step.ranks[r].empty()) continue;
      if (!step.name.empty()) events.push_back(StepEvent(step, r));
      for (const TimedAction& timed : step.ranks[r]) {
        events.push_back(ActionEvent(timed, r, step.start_seconds));
      }
    }
  }
  return Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump();
}

std::string TraceJson(const std::vector<std::vector<TimedAction>>& ranks) {
  return TraceJson(std::vector<TraceStep>{{"", 0.0, ranks}});
}

}  // namespace halfpipe::pipeline

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
