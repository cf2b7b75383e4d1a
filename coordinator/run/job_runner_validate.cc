// The runner's validations: between two steps, on samples that no step sees.
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/run/validation.h"

namespace halfpipe {

absl::Status JobRunner::HoldOutSamples() {
  if (!plan_.config.validation.is_on() || !held_out_.empty()) {
    return absl::OkStatus();
  }
  HP_ASSIGN_OR_RETURN(HeldOutSplit split,
                      HoldOut(plan_.config.validation, *scan_));
  Say(LogSeverity::kInfo,
      absl::StrCat(scan_->samples.size() - split.training.size(), " of ",
                   scan_->samples.size(),
                   " samples are held out for the validation"));
  scan_->samples = std::move(split.training);
  scan_->data_digest = std::move(split.data_digest);
  held_out_ = std::move(split.held_out);
  return absl::OkStatus();
}

absl::Status JobRunner::AddEvaluation(StartCommand* start) const {
  if (held_out_.empty()) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(
      const pipeline::Schedule schedule,
      EvaluationScheduleOf(plan_.config.validation, schedule_.options));
  start->evaluation_schedule = pipeline::ToText(schedule.ranks);
  return absl::OkStatus();
}

int64_t JobRunner::LastStep() const {
  return IsOutOfPatience(plan_.config.validation, validated_)
             ? validated_.steps
             : plan_.config.train.steps;
}

std::string JobRunner::DoneText() const {
  std::string text = absl::StrCat(saved_steps_, " steps done");
  if (IsOutOfPatience(plan_.config.validation, validated_)) {
    absl::StrAppend(&text, ", stopped early: ", validated_.without_better,
                    " validations without a better loss");
  }
  if (validated_.best_steps > 0) {
    absl::StrAppend(&text, "; the best validation is step ",
                    validated_.best_steps, "'s");
  }
  return text;
}

bool JobRunner::ValidationIsDue(int64_t steps_done) const {
  return IsValidationDue(plan_.config.validation, validated_, steps_done,
                         plan_.config.train.steps);
}

void JobRunner::ChooseRecord(const ValidationRecord& known) {
  // What was known before the pair formed again is newer than the checkpoint.
  if (continue_at_ > 0 && known.steps <= continue_at_ &&
      known.steps > validated_.steps) {
    validated_ = known;
  }
  if (!CoversValidations(plan_.config.validation, validated_, continue_at_)) {
    continue_at_ = 0;
  }
}

void JobRunner::BeginValidation() {
  validating_ = true;
  evaluated_.reset();
  meter_.Pause();
  const absl::StatusOr<pipeline::ActionLists> lists =
      pipeline::ParseText(started_.evaluation_schedule);
  if (!lists.ok()) return Fail(lists.status());
  const StepCommand command{MakeEvaluationPlan(plan_.config.validation,
                                               held_out_, epoch_, steps_done_,
                                               pipeline::ScheduleHash(*lists))};
  for (int32_t rank = 0; rank < world_; ++rank) {
    Send(Rank(rank), command, steps_done_);
  }
}

void JobRunner::OnEvaluated(const StepReport& report, absl::Time now) {
  if (!report.losses.empty()) evaluated_ = report;
  if (!AllAnswered()) return;
  validating_ = false;
  // Its peer may have abandoned it; whoever goes on validates again.
  if (stop_ != StopKind::kNone) return EndSteps(now);
  if (!evaluated_.has_value()) {
    return Fail(absl::InternalError("no stage reported a validation's loss"));
  }
  absl::StatusOr<ValidationResult> result =
      Summarize(plan_.config.validation, steps_done_, *evaluated_);
  if (!result.ok()) return Fail(result.status());
  const bool best = TakeValidation(&*result, &validated_);
  host_->Emit(*result);
  // The best weights are worth a checkpoint, whenever the next one is due.
  if (best && steps_done_ != saved_steps_) save_requested_ = true;
  Advance(now);
}

bool JobRunner::IsBest(const Checkpoint& checkpoint) const {
  return validated_.best_steps > 0 &&
         checkpoint.steps_done == validated_.best_steps;
}

size_t JobRunner::CheckpointsToKeep() const {
  const auto keep = static_cast<size_t>(plan_.config.output.keep);
  // The best one stays beside the newest ones, where it is not among them.
  for (size_t i = 0; i + keep < checkpoints_.size(); ++i) {
    if (IsBest(checkpoints_[i])) return keep + 1;
  }
  return keep;
}

}  // namespace halfpipe
