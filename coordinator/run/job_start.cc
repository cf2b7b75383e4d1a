#include "coordinator/run/job_start.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/run/job_plan.h"

namespace halfpipe {

JobStart::JobStart(RunContext* run, const TrainingData* data,
                   const RunValidations* validations, NonFiniteGuard* nonfinite)
    : run_(run),
      data_(data),
      validations_(validations),
      nonfinite_(nonfinite),
      memory_(run),
      boundary_digests_(static_cast<size_t>(run->stages.world())) {}

int64_t JobStart::StepsHeld(int64_t saved_steps) const {
  const std::optional<LoadedJob>& first = run_->stages.held(Rank(0));
  if (!may_continue_ || !first.has_value()) return 0;
  const int32_t world = run_->stages.world();
  for (int32_t rank = 1; rank < world; ++rank) {
    const std::optional<LoadedJob>& held = run_->stages.held(Rank(rank));
    // One may be a step ahead: a stop can fall between the ends of their norm
    // exchanges.
    if (!held.has_value() || held->steps_done != first->steps_done ||
        !IsSameStart(held->start, first->start) ||
        held->start.learning_rate_factor != first->start.learning_rate_factor) {
      return 0;
    }
  }
  const bool is_this_job = first->start.job == run_->plan.id &&
                           first->start.config_yaml == run_->plan.config_yaml &&
                           first->start.world == world;
  const bool is_a_gain = first->steps_done > 0 &&
                         first->steps_done >= saved_steps &&
                         first->steps_done <= run_->plan.config.train.steps;
  return is_this_job && is_a_gain ? first->steps_done : 0;
}

bool JobStart::GiveUpContinuing() {
  return continue_at_ > 0 && std::exchange(may_continue_, false);
}

absl::Status JobStart::OpenLink() {
  HP_ASSIGN_OR_RETURN(const std::string kind, LinkKindOf(run_->stages.Infos()));
  run_->stages.Send(Rank(0),
                    OpenLinkCommand{kind, LinksBetween(run_->stages.world())});
  return absl::OkStatus();
}

absl::Status JobStart::Send(const std::string& resume_from) {
  HP_ASSIGN_OR_RETURN(StartCommand start, continue_at_ > 0
                                              ? MakeContinuation()
                                              : MakeStart(resume_from));
  started_ = std::move(start);
  run_->stages.SendAll(started_);
  return absl::OkStatus();
}

absl::StatusOr<StartCommand> JobStart::MakeStart(
    const std::string& resume_from) {
  HP_ASSIGN_OR_RETURN(JobMemory memory, memory_.Plan(data_->scan()));
  split_ = memory.split;
  schedule_ = std::move(memory.schedule);
  StartCommand start;
  start.job = run_->plan.id;
  start.config_yaml = run_->plan.config_yaml;
  start.world = run_->stages.world();
  start.split = split_;
  HP_RETURN_IF_ERROR(AddLinks(&start));
  start.first_samples = {data_->scan().samples.front()};
  start.schedule = pipeline::ToText(schedule_.ranks);
  start.schedule_hash = schedule_.hash;
  HP_RETURN_IF_ERROR(
      validations_->AddTo(&start, data_->held_out(), schedule_.options));
  start.resume_from = resume_from;
  start.memory_plan = std::move(memory.memory_plan);
  start.ffn_chunks = std::move(memory.ffn_chunks);
  start.optimizer_on_host = memory.optimizer_on_host;
  start.learning_rate_factor = nonfinite_->factor();
  return start;
}

absl::StatusOr<StartCommand> JobStart::MakeContinuation() {
  StartCommand start = run_->stages.held(Rank(0))->start;
  HP_ASSIGN_OR_RETURN(schedule_.ranks, pipeline::ParseText(start.schedule));
  schedule_.hash = start.schedule_hash;
  split_ = start.split;
  nonfinite_->set_factor(start.learning_rate_factor);
  HP_RETURN_IF_ERROR(AddLinks(&start));
  start.first_samples = {data_->scan().samples.front()};
  start.resume_from.clear();
  start.continue_at = continue_at_;
  memory_.Recall(data_->scan(), start);
  return start;
}

absl::Status JobStart::AddLinks(StartCommand* start) {
  if (run_->stages.world() > 1) {
    HP_ASSIGN_OR_RETURN(start->link_kind, LinkKindOf(run_->stages.Infos()));
  }
  start->rendezvous = std::move(links_.rendezvous);
  start->further_rendezvous = std::move(links_.further);
  links_ = {};
  return absl::OkStatus();
}

void JobStart::OnStarted(Rank rank, const StartResult& result) {
  boundary_digests_[static_cast<size_t>(rank.value())] = result.boundary_digest;
}

absl::Status JobStart::End() {
  for (size_t rank = 1; rank < boundary_digests_.size(); ++rank) {
    if (boundary_digests_[rank] == boundary_digests_[rank - 1]) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the stages disagree on what crosses the split (stage ", rank - 1, ": ",
        boundary_digests_[rank - 1], ", stage ", rank, ": ",
        boundary_digests_[rank],
        "): do both see the same model files and the same version?"));
  }
  if (continue_at_ == 0) run_->stages.ForgetHeld();
  may_continue_ = true;
  return absl::OkStatus();
}

}  // namespace halfpipe
