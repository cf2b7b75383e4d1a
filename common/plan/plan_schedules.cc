#include "common/plan/plan_schedules.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {
namespace {

// Deeper than this no warm-up gains anything.
constexpr int32_t kDeepest = 6;

// Chunks a stage that are tried. More of them idle less and keep no more, but a
// chunk should be longer than what crosses between two.
constexpr int32_t kChunkCounts[] = {2, 4};
constexpr int64_t kLeastBlocksOfAChunk = 2;

// Those of several limits of live chunks, the least first. Of more than two
// chunks only those that keep a stage's blocks three to five times: what is
// leaner is no slower with two.
absl::Status AddInterleaved(pipeline::ScheduleOptions options, int32_t chunks,
                            std::vector<pipeline::Schedule>* schedules) {
  options.chunks = chunks;
  const int32_t most = pipeline::LiveChunks(chunks);
  const bool two = chunks == pipeline::kInterleavedChunks;
  const int32_t least = two ? pipeline::LeastLiveChunks(chunks) : 3 * chunks;
  for (int32_t live = least; live <= most; live += two ? 1 : chunks) {
    options.live_chunks = live;
    HP_ASSIGN_OR_RETURN(pipeline::Schedule schedule,
                        pipeline::BuildSchedule(options));
    if (!schedules->empty() && schedules->back().hash == schedule.hash) {
      continue;
    }
    schedules->push_back(std::move(schedule));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<pipeline::Schedule>> InterleavedSchedules(
    const PlanRequest& request) {
  std::vector<pipeline::Schedule> schedules;
  const int64_t blocks = request.model.layers / request.schedule.stages;
  for (const int32_t chunks : kChunkCounts) {
    const bool gains = request.schedule.microbatches > 1 &&
                       blocks / chunks >= kLeastBlocksOfAChunk;
    if (chunks > pipeline::kInterleavedChunks && !gains) continue;
    HP_RETURN_IF_ERROR(AddInterleaved(request.schedule, chunks, &schedules));
  }
  return schedules;
}

}  // namespace

absl::StatusOr<std::vector<pipeline::Schedule>> SchedulesOf(
    const PlanRequest& request) {
  std::vector<pipeline::Schedule> schedules;
  pipeline::ScheduleOptions options = request.schedule;
  if (pipeline::ChunksOf(options) > 1) return InterleavedSchedules(request);
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
