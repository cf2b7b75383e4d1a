// A step as a picture: Chrome's trace event format, which Perfetto opens.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
#ifndef HP_CLIENT_REPORT_TRACE_H_
#define HP_CLIENT_REPORT_TRACE_H_

#include <string>
#include <vector>

#include "common/pipeline/action.h"

namespace halfpipe::pipeline {

// JSON with one process a rank and in it a track for compute, one for sends and
// one for receives; every action is a complete event ("ph": "X"), times in
// microseconds. Compute is named by its text ("1F3"), transfers in words ("send
// activation 3"); args.action has the text of either. `ranks[r]` may come from
// the simulator or from a run.
[[nodiscard]] std::string TraceJson(
    const std::vector<std::vector<TimedAction>>& ranks);

// A step in a longer picture.
struct TraceStep {
  std::string name;  // of the slice that spans it, on a track of its own
  double start_seconds = 0.0;  // of the actions' time 0
  std::vector<std::vector<TimedAction>> ranks;
};

// The same with several steps behind one another.
[[nodiscard]] std::string TraceJson(const std::vector<TraceStep>& steps);

}  // namespace halfpipe::pipeline

#endif  // HP_CLIENT_REPORT_TRACE_H_
