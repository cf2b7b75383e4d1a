// When a rank holds most: how many micro-batches are live in which of its
// chunks of blocks.
#ifndef HP_COMMON_PIPELINE_LIVE_MOMENTS_H_
#define HP_COMMON_PIPELINE_LIVE_MOMENTS_H_

#include <cstddef>
#include <vector>

#include "common/pipeline/schedule.h"
#include "common/pipeline/segment_table.h"

namespace halfpipe::pipeline {

// RankUse::moments of one rank's list. REQUIRES: the list is Validate's.
[[nodiscard]] std::vector<LiveMoment> LiveMomentsOf(const SegmentTable& table,
                                                    const ActionLists& ranks,
                                                    size_t rank);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_LIVE_MOMENTS_H_
