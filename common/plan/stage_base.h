// What a stage holds whatever its activation plan is, and what it computes
// outside its blocks.
#ifndef HP_COMMON_PLAN_STAGE_BASE_H_
#define HP_COMMON_PLAN_STAGE_BASE_H_

#include <cstdint>

#include "common/pipeline/cost_model.h"
#include "common/plan/block_model.h"
#include "common/plan/planner.h"

namespace halfpipe {

// What a stage has to do in the job. Stage 0 has embeddings and head.
struct StageDuty {
  int rank = 0;
  int stages = 2;
  int64_t blocks = 0;
  int32_t live = 1;
  int32_t waiting_inputs = 0;  // tensors, RankUse::waiting
};

// Fills the parts of `plan` that are there at any time, all but slack and peak.
void FillBase(const PlanRequest& request, const BlockModel& block,
              const StageDuty& work, StagePlan* plan);

// Of the bytes that activations, their copies and temporaries take, the part
// that the allocator holds beside them.
[[nodiscard]] int64_t SlackOf(int64_t dynamic_bytes);
// The most bytes that leave `bytes` room for their slack too.
[[nodiscard]] int64_t WithoutSlack(int64_t bytes);

// Embeddings, head, transfers and optimizer of a schedule with so many chunks a
// stage; the blocks' seconds are to be added to all segments but the head's.
[[nodiscard]] pipeline::CostModel CostsOutsideBlocks(const PlanRequest& request,
                                                     const BlockModel& block,
                                                     int32_t chunks);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_STAGE_BASE_H_
