#include "common/pipeline/waiting_inputs.h"

#include <algorithm>
#include <cstdint>

#include "common/pipeline/dependencies.h"

namespace halfpipe::pipeline {
namespace {

// Counts one kind.
struct Counter {
  int32_t now = 0;
  int32_t most = 0;

  void Add(int32_t change) {
    now += change;
    most = std::max(most, now);
  }
};

}  // namespace

WaitingInputs WaitingInputsOf(const SegmentTable& table,
                              const std::vector<Action>& list) {
  Counter first;
  Counter others;
  for (const Action& action : list) {
    const auto [op, segment, microbatch] = action;
    const bool forward = op == Op::kForward || op == Op::kReceiveActivation;
    // What comes to a rank's first segment brings the embeddings' results
    // along.
    Counter& kind = forward && table.is_first_of_rank(segment) ? first : others;
    if (IsReceive(op)) {
      kind.Add(1);
    } else if (op == Op::kForward || op == Op::kBackward) {
      const std::optional<Action> producer = ProducerOf(table, action);
      const bool received =
          producer.has_value() &&
          table.rank_of(producer->segment) != table.rank_of(segment);
      if (received) kind.Add(-1);
    }
  }
  return {first.most, others.most};
}

}  // namespace halfpipe::pipeline
