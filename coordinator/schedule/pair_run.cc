#include "coordinator/schedule/pair_run.h"

#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/run/job_memory.h"
#include "coordinator/schedule/step_times.h"

namespace halfpipe {

PairRun::PairRun(std::string pair, JobPlan plan,
                 std::vector<Checkpoint> checkpoints,
                 const RunServices& services)
    : pair_(std::move(pair)),
      job_(plan.id),
      output_dir_(NormalFolder(plan.config.output.dir)),
      cache_dir_(
          plan.config.data.is_random() ? "" : plan.config.data.cache_folder()),
      services_(services),
      last_epoch_(plan.last_epoch),
      losses_(plan.config.train.timesteps, plan.config.validation.bands),
      runner_(std::move(plan), std::move(checkpoints), services.ledger, this) {}

PairRun::~PairRun() { services_.metrics->DropJob(job_); }

int64_t PairRun::Send(Rank rank, CommandBody body) {
  return services_.registry->Push({pair_, rank}, epoch_, std::move(body));
}

int64_t PairRun::Retract(Rank rank) {
  return services_.registry->Retract({pair_, rank});
}

absl::StatusOr<Epoch> PairRun::NewEpoch() {
  HP_ASSIGN_OR_RETURN(epoch_, services_.book->NextEpoch(job_));
  if (first_epoch_ == Epoch()) first_epoch_ = epoch_;
  services_.registry->RetractAll(pair_);
  return epoch_;
}

void PairRun::ChangeState(JobTrigger trigger, const std::string& reason,
                          const absl::Status& error) {
  if (trigger == JobTrigger::kSave) save_begun_ = services_.clock();
  if (trigger == JobTrigger::kFail && IsNoPlan(error) &&
      services_.fit->MayGoElsewhere(job_, pair_)) {
    return ChangeState(JobTrigger::kInterrupted,
                       absl::StrCat("another pair is tried, ", pair_,
                                    " is too small: ", reason),
                       absl::OkStatus());
  }
  if (absl::Status applied =
          services_.book->Apply(job_, trigger, reason, error, services_.wall());
      !applied.ok()) {
    LogError("cannot record a job's state",
             {{"job", job_}, {"status", applied.message()}});
  }
}

void PairRun::SetReason(const std::string& reason) {
  services_.book->SetReason(job_, reason, services_.wall());
}

void PairRun::Emit(const JobEventBody& event) {
  const absl::Time now = services_.wall();
  services_.book->Append(job_, event, now);
  if (const auto* line = std::get_if<LogLine>(&event)) {
    LogInfo(line->text, {{"job", job_}});
  }
  if (const auto* result = std::get_if<ValidationResult>(&event)) {
    std::map<int64_t, double> losses;
    for (const ValidationBand& band : result->bands) {
      losses[std::lround(band.timestep)] = band.loss;
    }
    services_.metrics->OnValidation(job_, losses);
  }
  const auto* step = std::get_if<StepProgress>(&event);
  if (step == nullptr) return;
  if (!std::isfinite(step->grad_norm)) services_.metrics->OnNonFiniteStep();
  services_.metrics->OnStep(
      job_, {step->steps_done, step->steps_total, step->loss, step->grad_norm,
             step->learning_rate, step->step_seconds, step->eta_seconds, now,
             step->is_first});
}

void PairRun::OnReports(const std::vector<StepReport>& reports) {
  const std::vector<StageTimes> times = StageTimesOf(reports);
  services_.metrics->OnStageTimes(pair_, times);
  for (const StepReport& report : reports) {
    losses_.Add(report.timesteps, report.losses);
  }
  services_.metrics->SetLossByTimestep(job_, losses_.Averages());
  services_.traces->Add(job_, TraceOf(reports.front().step.value() + 1,
                                      services_.wall(), reports, times));
}

void PairRun::OnNonFiniteStep() { services_.metrics->OnNonFiniteStep(); }

void PairRun::OnRestart(absl::string_view reason) {
  services_.metrics->OnRestart(std::string(reason));
}

absl::Status PairRun::CommitCheckpoint(const Checkpoint& checkpoint) {
  const absl::Time now = services_.wall();
  Checkpoint shown = checkpoint;
  shown.time = now;
  HP_RETURN_IF_ERROR(services_.book->CommitCheckpoint(job_, shown, now));
  services_.metrics->OnCheckpoint(services_.clock() - save_begun_, now);
  LogInfo("checkpoint", {{"job", job_},
                         {"step", checkpoint.steps_done},
                         {"path", checkpoint.directory}});
  return absl::OkStatus();
}

void PairRun::ForgetCheckpoint(const Checkpoint& checkpoint) {
  services_.book->ForgetCheckpoint(job_, checkpoint);
}

void PairRun::AdoptCheckpoint(const Checkpoint& checkpoint) {
  const absl::Status adopted =
      services_.book->AdoptCheckpoint(job_, checkpoint);
  if (adopted.ok()) return;
  // The folder says it again at the next start.
  LogWarning("cannot record a checkpoint that was found",
             {{"job", job_}, {"status", adopted.message()}});
}

void PairRun::SetForecasts(const std::vector<StageForecast>& forecasts) {
  services_.book->SetForecasts(job_, forecasts);
}

void PairRun::SetExports(const std::vector<std::string>& paths) {
  services_.book->SetExports(job_, paths);
}

}  // namespace halfpipe
