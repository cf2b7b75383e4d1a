// Whether anything fits, and what to say where nothing does.
#ifndef HP_COMMON_PLAN_PLAN_LIMITS_H_
#define HP_COMMON_PLAN_PLAN_LIMITS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "common/plan/planner.h"

namespace halfpipe {

// REQUIRES, of every request here: PlanTraining has checked it.

// Numbers of parts of the feed-forward layer that are tried, fewest first.
[[nodiscard]] std::vector<int64_t> ChunkCounts(const PlanRequest& request);

// The same with the optimizer in host memory, taken from the budgets: the form
// that takes the least of the GPUs. As it is if it is there already, or the
// host has no room.
[[nodiscard]] PlanRequest Leanest(const PlanRequest& request);

// Whether there is any plan within the budgets, wherever the optimizer is.
[[nodiscard]] bool Fits(const PlanRequest& request);

// The most frames (4k+1) that fit; 0: not even one.
[[nodiscard]] int64_t LongestFitting(PlanRequest request);

// What each GPU would have to have free, whatever it is and whatever the cap
// says, in steps of 64 MiB; 0: 4 TiB are not enough, or the host is too small.
[[nodiscard]] int64_t NeededGpuBytes(PlanRequest request);

// ResourceExhausted: which limit binds on which stage, by how many bytes, what
// takes them, and every setting that was tried and would do.
// REQUIRES: nothing fits.
[[nodiscard]] absl::Status NothingFits(const PlanRequest& request);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_PLAN_LIMITS_H_
