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

// One forward, one backward, after WarmupDepth(warmup, ...) forwards on each
// rank. With one rank there is nothing to overlap and the list is
// BuildSequential's. InvalidArgument unless 1 <= second <= first, or for a
// table that is neither {0, 1, ..., 0}, one segment a rank and the head, nor
// all on one rank.
[[nodiscard]] absl::StatusOr<ActionLists> BuildOneFOneB(
    const SegmentTable& table, int32_t microbatches, Warmup warmup);

// Lists for a table in which the ranks take turns, several chunks a rank. Made
// by running through the step with the nominal proportions: whenever a rank is
// free it takes, of what is ready,
//   1. the head, forward or backward: everything waits for it;
//   2. a backward: deeper segments first;
//   3. a forward: the micro-batches go through the segments in groups of as
//      many as there are ranks, or twice as many, while the rank has no more
//      than its bound of live chunks (forward done, backward not).
// Each rank keeps a place for each deeper chunk, so a micro-batch on its way is
// never held up by younger ones. Bounds up to `live_chunks` on rank 0, and a
// little less on each rank behind it, are tried, since a wider one is not
// always faster: of the fastest the narrowest is taken.
// With one rank there is nothing to overlap and the list is BuildSequential's.
// InvalidArgument: live_chunks below LeastLiveChunks.
[[nodiscard]] absl::StatusOr<ActionLists> BuildInterleaved(
    const SegmentTable& table, int32_t microbatches, int32_t live_chunks);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_BUILD_H_
