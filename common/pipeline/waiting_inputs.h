// How many received tensors a rank holds before their actions take them.
#ifndef HP_COMMON_PIPELINE_WAITING_INPUTS_H_
#define HP_COMMON_PIPELINE_WAITING_INPUTS_H_

#include <vector>

#include "common/pipeline/action.h"
#include "common/pipeline/schedule.h"
#include "common/pipeline/segment_table.h"

namespace halfpipe::pipeline {

// RankUse::waiting of one rank's lowered list: from a receive's place in the
// list, where its buffer is taken, to the action that reads it. REQUIRES: the
// list is Validate's.
[[nodiscard]] WaitingInputs WaitingInputsOf(const SegmentTable& table,
                                            const std::vector<Action>& list);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_WAITING_INPUTS_H_
