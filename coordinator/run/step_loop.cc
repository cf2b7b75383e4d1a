#include "coordinator/run/step_loop.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/run/job_plan.h"
#include "coordinator/run/lr_schedule.h"
#include "coordinator/run/next_save.h"

namespace halfpipe {
namespace {

// Steps that are on their way at once, so that a stage finds its next one
// queued when it reports.
constexpr int64_t kLookAhead = 2;

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

// Compute time alone: transfers run beside it.
std::map<std::string, double> ByOperation(const StepReport& report) {
  std::map<std::string, double> seconds;
  for (const pipeline::TimedAction& timing : report.timings) {
    const double taken = timing.end_seconds - timing.start_seconds;
    switch (timing.action.op) {
      case pipeline::Op::kForward:
        seconds["forward"] += taken;
        break;
      case pipeline::Op::kBackward:
        seconds["backward"] += taken;
        break;
      case pipeline::Op::kOptimizerStep:
        seconds["optimizer"] += taken;
        break;
      default:
        break;
    }
  }
  return seconds;
}

StageUse UseOf(int32_t rank, const StepReport& report, int64_t total_bytes) {
  StageUse use;
  use.rank = rank;
  if (report.step_seconds > 0) {
    use.idle_ratio = 1.0 - report.busy_seconds / report.step_seconds;
  }
  use.device_bytes_in_use = report.device_bytes_in_use;
  use.device_peak_bytes = report.device_peak_bytes;
  use.device_total_bytes = total_bytes;
  use.pinned_host_bytes = report.pinned_host_bytes;
  use.link_bytes_sent = report.link_bytes_sent;
  use.busy_seconds = report.busy_seconds;
  use.device_memory = report.device_memory;
  use.kernel_seconds = report.kernel_seconds;
  if (use.kernel_seconds.empty()) return use;
  use.action_seconds = ByOperation(report);
  use.actions = report.timings;
  return use;
}

}  // namespace

StepLoop::StepLoop(RunContext* run, const Sources& sources)
    : run_(run),
      from_(sources),
      rows_(static_cast<size_t>(run->stages.world())) {}

MeanState StepLoop::KnownAverage(int64_t from) const {
  const CheckpointManifest& manifest = from_.checkpoints->manifest();
  const std::optional<StepProgress>& last = run_->plan.last_step;
  const int64_t saved = from_.checkpoints->saved_steps();
  MeanState average;
  if (saved > 0 && manifest.step == saved) average = manifest.loss_average;
  // The record knows the steps behind the checkpoint, which the stages still
  // hold, and those before one that an older version wrote.
  if (last.has_value() && last->steps_done <= from &&
      (last->steps_done > saved || average.count == 0)) {
    average = {last->smoothed_loss, last->steps_done};
  }
  return average;
}

void StepLoop::Begin(int64_t from) {
  // Stages that hold every step that this run has seen lose none of it.
  const bool goes_back = from < steps_done_;
  if (!has_begun_ || goes_back) meter_.set_loss_average(KnownAverage(from));
  has_begun_ = true;
  meter_.OnStart();
  for (Row& row : rows_) row.steps_done = from;
  steps_done_ = from;
  next_step_ = from;
}

void StepLoop::OnNewEpoch() {
  for (Row& row : rows_) row.reports.clear();
  meter_.Pause();
}

bool StepLoop::MayIssue(absl::Time now) const {
  return next_step_ < from_.validations->LastStep() &&
         next_step_ - steps_done_ < kLookAhead &&
         !from_.validations->IsDue(next_step_) &&
         !from_.saves->IsDue(next_step_, now);
}

StepCommand StepLoop::MakeStep(int64_t step) const {
  StepCommand command{MakeStepPlan(run_->plan, from_.data->scan().samples,
                                   run_->stages.epoch(), Step(step),
                                   from_.start->schedule().hash)};
  command.plan.learning_rate *= from_.nonfinite->factor();
  command.plan.peak_bytes = peak_bytes_;
  return command;
}

void StepLoop::Issue(absl::Time now) {
  while (MayIssue(now)) {
    run_->stages.SendAll(MakeStep(next_step_), next_step_);
    ++next_step_;
  }
}

bool StepLoop::IsIdle() const {
  return run_->stages.AllAnswered() && next_step_ == steps_done_;
}

absl::StatusOr<bool> StepLoop::OnReport(Rank rank, const StepReport& report,
                                        absl::Time now) {
  Row& row = rows_[static_cast<size_t>(rank.value())];
  const int64_t step = row.steps_done;
  row.reports[step] = report;
  row.steps_done = step + 1;
  run_->stages.SetHeld(rank, LoadedJob{from_.start->started(), row.steps_done});
  const bool all_reported = std::all_of(
      rows_.begin(), rows_.end(),
      [step](const Row& peer) { return peer.reports.contains(step); });
  if (!all_reported) return false;
  if (absl::Status usable = Finish(step, now); !usable.ok()) return usable;
  return true;
}

absl::Status StepLoop::Finish(int64_t step, absl::Time now) {
  StepProgress progress;
  double stage_seconds = 0.0;
  std::vector<StepReport> reports;
  peak_bytes_.clear();
  for (int32_t rank = 0; rank < run_->stages.world(); ++rank) {
    Row& row = rows_[static_cast<size_t>(rank)];
    reports.push_back(std::move(row.reports.extract(step).mapped()));
    const StepReport& report = reports.back();
    progress.stages.push_back(
        UseOf(rank, report, run_->stages.device_total_bytes(Rank(rank))));
    stage_seconds = std::max(stage_seconds, report.step_seconds);
    peak_bytes_.push_back(report.device_peak_bytes);
    if (report.losses.empty()) continue;
    progress.loss = Mean(report.losses);
    progress.grad_norm = report.grad_norm;
  }
  if (absl::Status usable = from_.nonfinite->OnStep(progress, step);
      !usable.ok()) {
    return usable;
  }
  const JobConfig& config = run_->plan.config;
  run_->host->OnReports(reports);
  meter_.OnStep(now, progress.loss, stage_seconds);
  steps_done_ = step + 1;
  progress.steps_done = steps_done_;
  progress.steps_total = config.train.steps;
  progress.smoothed_loss = meter_.smoothed_loss();
  progress.learning_rate =
      LearningRateAt(config.train, step) * from_.nonfinite->factor();
  progress.step_seconds = meter_.step_seconds();
  progress.is_first = meter_.was_first();
  progress.eta_seconds =
      meter_.EtaSeconds(progress.steps_total - progress.steps_done);
  const NextSave next =
      PredictSave(config.output.save_every, steps_done_, progress.steps_total,
                  now - from_.saves->last_save(), meter_.EtaSeconds(1));
  progress.next_checkpoint_step = next.step;
  progress.next_checkpoint_seconds = next.seconds;
  run_->host->Emit(progress);
  return absl::OkStatus();
}

NextMove StepLoop::AfterSteps(bool stopping, absl::Time now) const {
  // Only a stop can catch one stage a step ahead of another.
  if (!std::all_of(rows_.begin(), rows_.end(), [this](const Row& row) {
        return row.steps_done == rows_.front().steps_done;
      })) {
    return NextMove::To(Move::kStopped, "the stop fell into an optimizer step");
  }
  const int64_t saved = from_.checkpoints->saved_steps();
  if (!stopping && from_.validations->IsDue(steps_done_)) {
    return NextMove::To(Move::kValidate);
  }
  if (steps_done_ > saved &&
      (stopping || from_.saves->IsDue(steps_done_, now))) {
    return NextMove::To(Move::kSave);
  }
  if (stopping) return NextMove::To(Move::kStopped);
  // A validation of what had been saved already may have been the last one.
  if (steps_done_ >= from_.validations->LastStep() && steps_done_ == saved) {
    return NextMove::To(Move::kPublish,
                        from_.checkpoints->all().back().directory);
  }
  return NextMove::Wait();
}

int64_t StepLoop::Furthest() const {
  int64_t furthest = 0;
  for (const Row& row : rows_) furthest = std::max(furthest, row.steps_done);
  return furthest;
}

void StepLoop::Retract() {
  const int64_t furthest = Furthest();
  for (int32_t rank = 0; rank < run_->stages.world(); ++rank) {
    run_->stages.Retract(Rank(rank));
    // What another stage has finished is finished here too.
    for (int64_t step = rows_[static_cast<size_t>(rank)].steps_done +
                        run_->stages.unanswered(Rank(rank));
         step < furthest; ++step) {
      run_->stages.Send(Rank(rank), MakeStep(step), step);
    }
  }
}

bool StepLoop::MayAbandon(Rank rank) const {
  const SentCommand* const command = run_->stages.running(rank);
  return command != nullptr && Furthest() <= command->step;
}

bool StepLoop::HasUnsaved() const {
  const int64_t saved = from_.checkpoints->saved_steps();
  return steps_done_ != saved || next_step_ != saved;
}

}  // namespace halfpipe
