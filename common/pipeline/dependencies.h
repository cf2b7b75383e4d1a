// What an action needs and what it makes: the one place where the passes look
// up the U-shaped data flow.
#ifndef HP_COMMON_PIPELINE_DEPENDENCIES_H_
#define HP_COMMON_PIPELINE_DEPENDENCIES_H_

#include <optional>

#include "common/pipeline/action.h"
#include "common/pipeline/segment_table.h"

namespace halfpipe::pipeline {

[[nodiscard]] inline bool IsCompute(Op op) {
  return op == Op::kForward || op == Op::kBackward;
}

[[nodiscard]] inline bool IsSend(Op op) {
  return op == Op::kSendActivation || op == Op::kSendGradient;
}

[[nodiscard]] inline bool IsReceive(Op op) {
  return op == Op::kReceiveActivation || op == Op::kReceiveGradient;
}

[[nodiscard]] inline Segment Next(Segment segment) {
  return Segment(segment.value() + 1);
}

[[nodiscard]] inline Segment Previous(Segment segment) {
  return Segment(segment.value() - 1);
}

// The send that follows a forward or backward whose result another rank
// needs; nullopt when it stays.
[[nodiscard]] inline std::optional<Action> SendOf(const SegmentTable& table,
                                                  const Action& compute) {
  if (compute.op == Op::kForward && table.crosses_after(compute.segment)) {
    return Action{Op::kSendActivation, compute.segment, compute.microbatch};
  }
  if (compute.op == Op::kBackward && compute.segment.value() > 0 &&
      table.crosses_after(Previous(compute.segment))) {
    return Action{Op::kSendGradient, compute.segment, compute.microbatch};
  }
  return std::nullopt;
}

// The peer's receive of a send. REQUIRES: IsSend(send.op).
[[nodiscard]] inline Action ReceiveOf(const Action& send) {
  if (send.op == Op::kSendActivation) {
    return {Op::kReceiveActivation, Next(send.segment), send.microbatch};
  }
  return {Op::kReceiveGradient, Previous(send.segment), send.microbatch};
}

// The action before a forward or backward that makes its input, on whichever
// rank: the forward of the segment before, the backward of the one behind,
// and for the head's backward its own forward. nullopt for segment 0's forward.
[[nodiscard]] inline std::optional<Action> ProducerOf(const SegmentTable& table,
                                                      const Action& compute) {
  if (compute.op == Op::kForward) {
    if (compute.segment.value() == 0) return std::nullopt;
    return Action{Op::kForward, Previous(compute.segment), compute.microbatch};
  }
  if (compute.segment == table.head()) {
    return Action{Op::kForward, compute.segment, compute.microbatch};
  }
  return Action{Op::kBackward, Next(compute.segment), compute.microbatch};
}

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_DEPENDENCIES_H_
