// One step of a schedule, as data.
//
// Text form, printed and parsed: operation in the middle, segment before it,
// micro-batch behind it.
//   0F3  1B3      forward, backward of a segment on micro-batch 3
//   0SF3 1RF3     send the output of segment 0, receive the input of segment 1
//   2SB3 1RB3     send the gradient of segment 2's input, receive the gradient
//                 of segment 1's output
//   NORM STEP     exchange gradient norms; optimizer step
#ifndef HP_COMMON_PIPELINE_ACTION_H_
#define HP_COMMON_PIPELINE_ACTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

namespace halfpipe::pipeline {

enum class Op : uint8_t {
  kForward,
  kBackward,
  kSendActivation,
  kReceiveActivation,
  kSendGradient,
  kReceiveGradient,
  kExchangeGradNorm,
  kOptimizerStep,
};

// {operation, segment, micro-batch}. Segment and micro-batch are 0 for the
// two operations that have none.
struct Action {
  Op op = Op::kForward;
  Segment segment;
  Microbatch microbatch;

  friend bool operator==(const Action&, const Action&) = default;
};

// When an action ran, or is to run, in seconds since the step's first one.
struct TimedAction {
  Action action;
  double start_seconds = 0.0;
  double end_seconds = 0.0;
};

// "1F3"; never fails.
[[nodiscard]] std::string ToString(const Action& action);

// The inverse. InvalidArgument names the text and what was expected.
[[nodiscard]] absl::StatusOr<Action> ParseAction(absl::string_view text);

// Actions separated by single spaces, and the inverse.
[[nodiscard]] std::string ToString(const std::vector<Action>& actions);
[[nodiscard]] absl::StatusOr<std::vector<Action>> ParseActions(
    absl::string_view text);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_ACTION_H_
