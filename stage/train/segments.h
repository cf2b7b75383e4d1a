// Which blocks each segment of the pipeline consists of.
#ifndef HP_STAGE_TRAIN_SEGMENTS_H_
#define HP_STAGE_TRAIN_SEGMENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/model/model_spec.h"

namespace halfpipe {

// What one segment consists of. The first segment embeds, the last one is the
// head and the loss; both may also hold blocks.
struct SegmentContent {
  Rank rank;
  BlockRange blocks;  // empty for a head of its own
  bool embeds = false;
  bool is_head = false;
};

// The segments of `world` stages: embeddings and [0, split) on rank 0, the
// other blocks on the ranks behind it, divided evenly among them, the first
// ones taking what is left over, so [split, layers) on rank 1 of a pair; the
// head on rank 0. With one stage everything is on rank 0 and segment 1 is
// empty.
//
// With several chunks the ranks take turns (pipeline::SegmentTable::ForStages):
// each rank's blocks are divided evenly among its chunks in the same way; a
// chunk is empty where a rank has fewer blocks than chunks.
// REQUIRES: 0 <= split <= layers, world >= 1, chunks >= 1, and 1 chunk for one
// stage.
[[nodiscard]] std::vector<SegmentContent> MakeSegments(int64_t layers,
                                                       int64_t split,
                                                       int32_t world,
                                                       int32_t chunks = 1);

// The ranks that they are on.
[[nodiscard]] int32_t RankCount(const std::vector<SegmentContent>& segments);

// The ranges of blocks on a rank, ascending, without the empty ones.
[[nodiscard]] std::vector<BlockRange> BlocksOf(
    const std::vector<SegmentContent>& segments, Rank rank);

// The rank that trains each LoRA tensor, A and B of every module, in the order
// of `modules` (LoraModules: block order over the whole model).
// REQUIRES: a segment holds each module's block.
[[nodiscard]] std::vector<Rank> LoraTensorOwners(
    const ModelSpec& model, const std::vector<SegmentContent>& segments,
    const std::vector<std::string>& modules);

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_SEGMENTS_H_
