// The runner's short way back: stages that hold the job between two steps form
// the pair again and go on, whether the coordinator was restarted under them
// or only their link failed.
#include <optional>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "coordinator/run/job_memory.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {

int64_t JobRunner::StepsHeld() const {
  const std::optional<LoadedJob>& first = stages_[0].held;
  if (!may_continue_ || !first.has_value()) return 0;
  for (int32_t rank = 1; rank < world_; ++rank) {
    const std::optional<LoadedJob>& held =
        stages_[static_cast<size_t>(rank)].held;
    // One may be a step ahead: a stop can fall between the ends of their norm
    // exchanges.
    if (!held.has_value() || held->steps_done != first->steps_done ||
        !IsSameStart(held->start, first->start) ||
        held->start.learning_rate_factor != first->start.learning_rate_factor) {
      return 0;
    }
  }
  const bool is_this_job = first->start.job == plan_.id &&
                           first->start.config_yaml == plan_.config_yaml &&
                           first->start.world == world_;
  const bool is_a_gain = first->steps_done > 0 &&
                         first->steps_done >= saved_steps_ &&
                         first->steps_done <= plan_.config.train.steps;
  return is_this_job && is_a_gain ? first->steps_done : 0;
}

void JobRunner::ForgetHeld() {
  for (Stage& stage : stages_) stage.held.reset();
}

absl::StatusOr<StartCommand> JobRunner::MakeContinuation(
    const std::string& rendezvous, const std::vector<StageInfo>& infos) {
  StartCommand start = stages_[0].held->start;
  HP_ASSIGN_OR_RETURN(schedule_.ranks, pipeline::ParseText(start.schedule));
  schedule_.hash = start.schedule_hash;
  split_ = start.split;
  learning_rate_factor_ = start.learning_rate_factor;
  if (world_ > 1) {
    HP_ASSIGN_OR_RETURN(start.link_kind, LinkKindOf(infos));
  }
  start.rendezvous = rendezvous;
  start.first_samples = {scan_->samples.front()};
  start.resume_from.clear();
  start.continue_at = continue_at_;
  // What was planned then is only known here if it would be planned again.
  if (forecasts_.empty()) {
    absl::StatusOr<JobMemory> memory =
        PlanJobMemory(plan_.config, *scan_, infos, pin_limits_);
    if (memory.ok() && memory->memory_plan == start.memory_plan) {
      forecasts_ = std::move(memory->forecasts);
    }
  }
  return start;
}

}  // namespace halfpipe
