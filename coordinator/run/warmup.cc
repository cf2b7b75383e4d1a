#include "coordinator/run/warmup.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/base/status.h"
#include "common/pipeline/simulate.h"

namespace halfpipe::pipeline {
namespace {

constexpr int32_t kDeepest = 8;
constexpr double kTolerance = 1.005;

struct WarmupCandidate {
  Warmup warmup;
  double makespan_seconds;
};

}  // namespace

absl::StatusOr<Warmup> ChooseWarmup(int32_t microbatches,
                                    const CostModel& costs, int32_t max_live,
                                    int stages) {
  HP_ASSIGN_OR_RETURN(SegmentTable table, SegmentTable::ForStages(stages));
  const int32_t bound = max_live > 0 ? std::min(max_live, kDeepest) : kDeepest;
  const int32_t deepest = std::max(1, std::min(bound, microbatches));
  // Shallowest first: by live micro-batches of both ranks, then of rank 0.
  std::vector<WarmupCandidate> candidates;
  double fastest = std::numeric_limits<double>::infinity();
  for (int32_t total = 2; total <= 2 * deepest; ++total) {
    for (int32_t first = (total + 1) / 2; first <= std::min(total - 1, deepest);
         ++first) {
      const Warmup warmup{first, total - first};
      HP_ASSIGN_OR_RETURN(Schedule schedule,
                          BuildSchedule({.microbatches = microbatches,
                                         .stages = stages,
                                         .warmup = warmup}));
      HP_ASSIGN_OR_RETURN(Simulation simulation,
                          Simulate(table, schedule.ranks, costs));
      candidates.push_back({warmup, simulation.makespan_seconds});
      fastest = std::min(fastest, simulation.makespan_seconds);
    }
  }
  for (const WarmupCandidate& candidate : candidates) {
    if (candidate.makespan_seconds <= fastest * kTolerance) {
      return candidate.warmup;
    }
  }
  return absl::InternalError("no warm-up depth was simulated");
}

}  // namespace halfpipe::pipeline
