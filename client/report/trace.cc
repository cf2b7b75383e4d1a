#include "client/report/trace.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/pipeline/transfer_ends.h"

namespace halfpipe::pipeline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kComputeTrack = 0;
constexpr int kReceiveTrack = 1;
constexpr int kStepTrack = 2;
constexpr int kSendTrack = 3;
constexpr double kMicrosecondsPerSecond = 1e6;

// In the order in which a viewer shows them. Sends and receives have a track
// each: they overlap, and slices of one track may not.
constexpr struct {
  int track;
  const char* name;
} kTracks[] = {{kStepTrack, "step"},
               {kComputeTrack, "compute"},
               {kSendTrack, "send"},
               {kReceiveTrack, "receive"}};

struct Look {
  const char* category;
  int track;
  const char* what;  // for people
};

Look LookOf(Op op) {
  switch (op) {
    case Op::kForward:
      return {"forward", kComputeTrack, "forward"};
    case Op::kBackward:
      return {"backward", kComputeTrack, "backward"};
    case Op::kOptimizerStep:
      return {"optimizer", kComputeTrack, "optimizer step"};
    case Op::kExchangeGradNorm:
      return {"norm", kSendTrack, "exchange gradient norm"};
    case Op::kSendActivation:
      return {"send", kSendTrack, "send activation"};
    case Op::kSendGradient:
      return {"send", kSendTrack, "send gradient"};
    case Op::kReceiveActivation:
      return {"receive", kReceiveTrack, "receive activation"};
    case Op::kReceiveGradient:
      return {"receive", kReceiveTrack, "receive gradient"};
  }
  return {"other", kComputeTrack, "other"};
}

// What its slice says: computing by the action's text, which is short enough
// for a narrow slice, transfers in words.
std::string SliceName(const TimedAction& timed, const Look& look) {
  const Op op = timed.action.op;
  if (look.track == kComputeTrack) return ToString(timed.action);
  if (op == Op::kExchangeGradNorm) return look.what;
  return absl::StrCat(look.what, " ", timed.action.microbatch.value());
}

Json NameEvent(const char* what, size_t rank, int track,
               const std::string& name) {
  return Json{{"name", what},
              {"ph", "M"},
              {"pid", rank},
              {"tid", track},
              {"args", {{"name", name}}}};
}

Json TrackOrder(size_t rank, int track, size_t place) {
  return Json{{"name", "thread_sort_index"},
              {"ph", "M"},
              {"pid", rank},
              {"tid", track},
              {"args", {{"sort_index", place}}}};
}

// One action as a complete event.
Json ActionEvent(const TimedAction& timed, size_t rank, double origin) {
  const Look look = LookOf(timed.action.op);
  const double seconds = timed.end_seconds - timed.start_seconds;
  return Json{{"name", SliceName(timed, look)},
              {"cat", look.category},
              {"ph", "X"},
              {"ts", (origin + timed.start_seconds) * kMicrosecondsPerSecond},
              {"dur", seconds * kMicrosecondsPerSecond},
              {"pid", rank},
              {"tid", look.track},
              {"args",
               {{"action", ToString(timed.action)},
                {"what", look.what},
                {"segment", timed.action.segment.value()},
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
        NameEvent("process_name", r, kComputeTrack, absl::StrCat("stage ", r)));
    for (size_t place = 0; place < std::size(kTracks); ++place) {
      const auto& [track, name] = kTracks[place];
      events.push_back(NameEvent("thread_name", r, track, name));
      events.push_back(TrackOrder(r, track, place));
    }
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
