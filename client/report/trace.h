// A step as a picture: Chrome's trace event format, which Perfetto opens.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
#ifndef HP_CLIENT_REPORT_TRACE_H_
#define HP_CLIENT_REPORT_TRACE_H_

#include <string>
#include <vector>

#include "common/jobs/job_types.h"
#include "common/pipeline/action.h"

namespace halfpipe::pipeline {

// JSON with one process a rank and in it one track for compute and one for
// transfers; every action is a complete event ("ph": "X") named by its text,
// times in microseconds. `ranks[r]` may come from the simulator or from a run.
[[nodiscard]] std::string TraceJson(
    const std::vector<std::vector<TimedAction>>& ranks);

// A step in a longer picture.
struct TraceStep {
  std::string name;            // of the slice that spans it, on a third track
  double start_seconds = 0.0;  // of the actions' time 0
  std::vector<std::vector<TimedAction>> ranks;
};

// The same with several steps behind one another.
[[nodiscard]] std::string TraceJson(const std::vector<TraceStep>& steps);

}  // namespace halfpipe::pipeline

namespace halfpipe {

// `traces` oldest first. The stages of a step are brought to one clock, and the
// steps stand where the service saw them end; none begins before the one before
// it has ended.
[[nodiscard]] std::vector<pipeline::TraceStep> PictureOf(
    const std::vector<StepTrace>& traces);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_TRACE_H_
