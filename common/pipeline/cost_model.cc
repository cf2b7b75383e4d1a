#include "common/pipeline/cost_model.h"

#include <algorithm>

namespace halfpipe::pipeline {

double CostModel::SecondsOf(const Action& action) const {
  switch (action.op) {
    case Op::kForward:
      return segments[static_cast<size_t>(action.segment.value())]
          .forward_seconds;
    case Op::kBackward:
      return segments[static_cast<size_t>(action.segment.value())]
          .backward_seconds;
    case Op::kExchangeGradNorm:
      return norm_seconds;
    case Op::kOptimizerStep:
      return optimizer_seconds;
    default:
      return transfer_seconds;
  }
}

CostModel NominalCosts(const SegmentTable& table) {
  CostModel costs;
  // Twice half a model, in as many pieces as there are segments with blocks.
  const double share = 2.0 / std::max(1, table.segment_count() - 1);
  costs.segments.assign(
      static_cast<size_t>(table.segment_count()),
      {.forward_seconds = share, .backward_seconds = 3.0 * share});
  costs.segments.back() = {.forward_seconds = 0.03, .backward_seconds = 0.06};
  return costs;
}

}  // namespace halfpipe::pipeline
