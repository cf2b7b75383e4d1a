// How long actions take, for the simulator and for the order of transfers.
#ifndef HP_COMMON_PIPELINE_COST_MODEL_H_
#define HP_COMMON_PIPELINE_COST_MODEL_H_

#include <vector>

#include "common/pipeline/action.h"
#include "common/pipeline/segment_table.h"

namespace halfpipe::pipeline {

struct SegmentCost {
  double forward_seconds = 0.0;
  double backward_seconds = 0.0;  // recomputation included
};

struct CostModel {
  std::vector<SegmentCost> segments;  // one a segment of the table
  double transfer_seconds = 0.0;      // one activation or gradient
  double norm_seconds = 0.0;          // the exchange of gradient norms
  double optimizer_seconds = 0.0;

  // REQUIRES: the action's segment is in the table.
  [[nodiscard]] double SecondsOf(const Action& action) const;
};

// The proportions that schedules are compared in: for half a model's blocks
// forward 1, backward 3 (it recomputes the forward), for a chunk of them its
// equal share; head 0.03 and 0.06, free transfers.
[[nodiscard]] CostModel NominalCosts(const SegmentTable& table);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_COST_MODEL_H_
