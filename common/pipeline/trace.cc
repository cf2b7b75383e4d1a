#include "common/pipeline/trace.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace halfpipe::pipeline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kComputeTrack = 0;
constexpr int kTransferTrack = 1;
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

}  // namespace

std::string TraceJson(const std::vector<std::vector<TimedAction>>& ranks) {
  Json events = Json::array();
  for (size_t r = 0; r < ranks.size(); ++r) {
    events.push_back(
        NameEvent("process_name", r, kComputeTrack, absl::StrCat("stage", r)));
    events.push_back(NameEvent("thread_name", r, kComputeTrack, "compute"));
    events.push_back(NameEvent("thread_name", r, kTransferTrack, "transfers"));
    for (const TimedAction& timed : ranks[r]) {
      const Look look = LookOf(timed.action.op);
      const double seconds = timed.end_seconds - timed.start_seconds;
      events.push_back(
          Json{{"name", ToString(timed.action)},
               {"cat", look.category},
               {"ph", "X"},
               {"ts", timed.start_seconds * kMicrosecondsPerSecond},
               {"dur", seconds * kMicrosecondsPerSecond},
               {"pid", r},
               {"tid", look.track},
               {"args",
                {{"segment", timed.action.segment.value()},
                 {"microbatch", timed.action.microbatch.value()}}}});
    }
  }
  return Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump();
}

}  // namespace halfpipe::pipeline
