// The third pass: proves that lowered lists are a correct step.
#ifndef HP_COMMON_PIPELINE_VALIDATE_H_
#define HP_COMMON_PIPELINE_VALIDATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {

// Checks, and returns what each rank needs at most at one time:
//   - every forward, backward, send and receive of the table is there, once,
//     on its rank, and nothing else;
//   - what an action needs comes before it in its own list;
//   - each segment's backwards ascend in micro-batch order;
//   - the transfers of two ranks are in one order on both, each send opposite
//     its receive, and those of all ranks in one global order, so that each can
//     wait for its transfers one by one. With the rule before, a step then
//     cannot deadlock: whatever comes before the first open transfer can always
//     run;
//   - NORM (several ranks only) and STEP come last, after every backward;
//   - an evaluation has no backwards, no gradients, no NORM and no STEP;
//   - no rank has more than `max_live` live micro-batches (0: no bound).
// InvalidArgument says which rule is broken, and shows the lists around the
// place as a table of steps and ranks with "<-- here".
[[nodiscard]] absl::StatusOr<std::vector<RankUse>> Validate(
    const SegmentTable& table, int32_t microbatches, const ActionLists& ranks,
    int32_t max_live = 0, ListKind kind = ListKind::kTraining);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_VALIDATE_H_
