// The first pass: which forwards and backwards each rank runs, in which order.
// Transfers come later (lower.h).
//
// In every schedule each segment's backwards run in ascending micro-batch
// order, so gradients accumulate in the same order and are the same bits.
#ifndef HP_COMMON_PIPELINE_BUILD_H_
#define HP_COMMON_PIPELINE_BUILD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/pipeline/schedule.h"

namespace halfpipe::pipeline {

// One micro-batch after the other, forward and backward through all segments:
// the ranks take turns.
[[nodiscard]] ActionLists BuildSequential(const SegmentTable& table,
                                          int32_t microbatches);

// All forwards, then all backwards. The head runs backward directly after its
// forward, since it saves nothing worth waiting for.
[[nodiscard]] ActionLists BuildGpipe(const SegmentTable& table,
                                     int32_t microbatches);

// One forward, one backward, after `warmup` forwards. With one rank there is
// nothing to overlap and the list is BuildSequential's.
// InvalidArgument unless 1 <= second <= first, or for a table that is neither
// {0,1,0} nor all on one rank.
[[nodiscard]] absl::StatusOr<ActionLists> BuildOneFOneB(
    const SegmentTable& table, int32_t microbatches, Warmup warmup);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_BUILD_H_
