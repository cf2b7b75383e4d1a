#include "common/pipeline/transfer_ends.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <tuple>

namespace halfpipe::pipeline {
namespace {

using Key = std::tuple<Op, int32_t, int32_t>;

void Move(std::vector<TimedAction>* actions, double seconds) {
  for (TimedAction& timed : *actions) {
    timed.start_seconds += seconds;
    timed.end_seconds += seconds;
  }
}

// When each transfer ended on this rank.
std::map<Key, double> EndsOf(const std::vector<TimedAction>& actions) {
  std::map<Key, double> ends;
  for (const TimedAction& timed : actions) {
    const std::optional<Action> action = AsReceived(timed.action);
    if (!action.has_value()) continue;
    ends[{action->op, action->segment.value(), action->microbatch.value()}] =
        timed.end_seconds;
  }
  return ends;
}

// Moves a rank to the clock of another one, where they have transfers in
// common.
void AlignTo(const std::vector<TimedAction>& reference,
             std::vector<TimedAction>* rank) {
  const std::map<Key, double> first = EndsOf(reference);
  std::vector<double> differences;
  for (const auto& [key, end] : EndsOf(*rank)) {
    const auto other = first.find(key);
    if (other != first.end()) differences.push_back(other->second - end);
  }
  if (differences.empty()) return;
  const auto middle =
      differences.begin() + static_cast<std::ptrdiff_t>(differences.size() / 2);
  std::nth_element(differences.begin(), middle, differences.end());
  Move(rank, *middle);
}

}  // namespace

std::optional<Action> AsReceived(const Action& action) {
  switch (action.op) {
    case Op::kSendActivation:
      return Action{Op::kReceiveActivation, Segment(action.segment.value() + 1),
                    action.microbatch};
    case Op::kSendGradient:
      return Action{Op::kReceiveGradient, Segment(action.segment.value() - 1),
                    action.microbatch};
    case Op::kReceiveActivation:
    case Op::kReceiveGradient:
    case Op::kExchangeGradNorm:
      return action;
    case Op::kForward:
    case Op::kBackward:
    case Op::kOptimizerStep:
      return std::nullopt;
  }
  return std::nullopt;
}

void AlignClocks(std::vector<std::vector<TimedAction>>* ranks) {
  for (size_t rank = 1; rank < ranks->size(); ++rank) {
    AlignTo((*ranks)[rank - 1], &(*ranks)[rank]);
  }
  double earliest = std::numeric_limits<double>::infinity();
  for (const auto& actions : *ranks) {
    for (const TimedAction& timed : actions) {
      earliest = std::min(earliest, timed.start_seconds);
    }
  }
  for (auto& actions : *ranks) Move(&actions, -earliest);
}

}  // namespace halfpipe::pipeline
