// The two ends of a transfer, and what they tell of the ranks' clocks.
#ifndef HP_COMMON_PIPELINE_TRANSFER_ENDS_H_
#define HP_COMMON_PIPELINE_TRANSFER_ENDS_H_

#include <optional>
#include <vector>

#include "common/pipeline/action.h"

namespace halfpipe::pipeline {

// What a transfer is called by its receiver: 0SF3 is 1RF3, 2SB3 is 1RB3, and
// NORM, which goes both ways, is itself. Nullopt for compute.
[[nodiscard]] std::optional<Action> AsReceived(const Action& action);

// Brings what the ranks measured, each from its own first action on, to one
// clock: a transfer ends on both sides at the same moment, so each rank is
// moved by the median of what its ends differ from those of the rank before it.
// Then all of it is moved so that the earliest action begins at 0. Without a
// transfer in common with the rank before it a rank stays.
void AlignClocks(std::vector<std::vector<TimedAction>>* ranks);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_TRANSFER_ENDS_H_
