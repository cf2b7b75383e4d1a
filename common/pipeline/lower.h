// The second pass: adds the transfers, the norm exchange and the optimizer
// step.
#ifndef HP_COMMON_PIPELINE_LOWER_H_
#define HP_COMMON_PIPELINE_LOWER_H_

#include "absl/status/statusor.h"
#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {

// Walks through the compute lists as nominal costs would run them (see
// cost_model.h). Whenever an action ends whose result the other rank needs,
// its send is placed behind it and the receive at the peer's present position,
// together: so all lists have their transfers in one global order, which is
// the order in which their data becomes ready, and a single lane between the
// ranks can neither deadlock nor hold a ready tensor behind a late one.
// Then NORM (several ranks only) and STEP are appended, but for an evaluation.
//
// InvalidArgument when the compute lists can never run to their end, or when
// they are not one a rank.
[[nodiscard]] absl::StatusOr<ActionLists> Lower(
    const SegmentTable& table, const ActionLists& compute,
    ListKind kind = ListKind::kTraining);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_LOWER_H_
