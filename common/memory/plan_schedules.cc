#include "common/memory/plan_schedules.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {
namespace {

// Deeper than this no warm-up gains anything.
constexpr int32_t kDeepest = 6;

// Those of all limits of live chunks, the least first.
absl::StatusOr<std::vector<pipeline::Schedule>> InterleavedSchedules(
    pipeline::ScheduleOptions options) {
  std::vector<pipeline::Schedule> schedules;
  const int32_t most = options.live_chunks;
  for (int32_t live = pipeline::kLeastLiveChunks; live <= most; ++live) {
    options.live_chunks = live;
    HP_ASSIGN_OR_RETURN(pipeline::Schedule schedule,
                        pipeline::BuildSchedule(options));
    if (!schedules.empty() && schedules.back().hash == schedule.hash) continue;
    schedules.push_back(std::move(schedule));
  }
  return schedules;
}

}  // namespace

absl::StatusOr<std::vector<pipeline::Schedule>> SchedulesOf(
    const PlanRequest& request) {
  std::vector<pipeline::Schedule> schedules;
  pipeline::ScheduleOptions options = request.schedule;
  if (pipeline::ChunksOf(options.name, options.stages) > 1) {
    return InterleavedSchedules(options);
  }
  const bool deep = options.name == pipeline::ScheduleName::kOneFOneB &&
                    options.stages == 2 && !request.fixed_warmup;
  if (!deep) {
    HP_ASSIGN_OR_RETURN(pipeline::Schedule only,
                        pipeline::BuildSchedule(options));
    schedules.push_back(std::move(only));
    return schedules;
  }
  const int32_t deepest = std::min(options.microbatches, kDeepest);
  for (int32_t total = 2; total <= 2 * deepest; ++total) {
    for (int32_t first = (total + 1) / 2; first <= std::min(total - 1, deepest);
         ++first) {
      options.warmup = {first, total - first};
      HP_ASSIGN_OR_RETURN(pipeline::Schedule schedule,
                          pipeline::BuildSchedule(options));
      schedules.push_back(std::move(schedule));
    }
  }
  return schedules;
}

}  // namespace halfpipe
