// The runner's answers to what goes wrong: fail, wait for a cause, or go back
// to the last commit.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "coordinator/run/command_kinds.h"
#include "coordinator/run/job_failure.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {
namespace {

// A stage that fails because its peer did reports first, sometimes.
constexpr absl::Duration kCauseGrace = absl::Seconds(3);

}  // namespace

void JobRunner::OnLost(Rank rank, absl::Time now) {
  if (finished() || rank.value() >= world_) return;
  Stage& stage = stages_[static_cast<size_t>(rank.value())];
  if (!stage.info.has_value()) return;
  stage.info.reset();
  stage.held.reset();
  stage.pending.clear();
  if (phase_ == Phase::kWait) return;
  absl::Status cause = Described(
      absl::UnavailableError(absl::StrCat("stage ", rank.value(), " was lost")),
      rank.value());
  // A process whose device failed says so and then ends itself.
  if (suspected_.has_value() && IsDeviceFault(*suspected_)) {
    cause = *suspected_;
  }
  Restart(cause, now);
}

void JobRunner::OnEarlierResult(Rank rank, const CommandResult& result,
                                absl::Time now) {
  // Before its first step the new epoch can still learn why the last one
  // ended: the peer's report came first.
  const bool may_be_cause =
      result.epoch == last_epoch_ &&
      (phase_ == Phase::kWait || phase_ == Phase::kOpenLink ||
       phase_ == Phase::kStart);
  if (!may_be_cause || result.status.ok() || IsWorthRestart(result.status) ||
      IsShortage(result.status)) {
    return;
  }
  // Its folder was taken away under it; the save comes again.
  const auto& abandoned = stages_[static_cast<size_t>(rank.value())].abandoned;
  if (std::any_of(abandoned.begin(), abandoned.end(),
                  [&](const Pending& command) {
                    return command.sequence == result.sequence &&
                           command.kind == kSaveKind;
                  })) {
    return;
  }
  // Both ranks say so, and its step comes again.
  if (IsNonFinite(result.status)) return;
  const std::string where = absl::StrCat("stage ", rank.value());
  if (!PlanToPinLess(rank, result.status)) {
    return Fail(
        Annotate(Explain(rank, Described(result.status, rank.value())), where));
  }
  if (phase_ != Phase::kWait) Restart(Annotate(result.status, where), now);
}

absl::Status JobRunner::Explain(Rank rank, const absl::Status& status) {
  const auto index = static_cast<size_t>(rank.value());
  if (!stages_[index].info.has_value()) return status;
  return ExplainFailure(
      status, *stages_[index].info,
      index < forecasts_.size() ? &forecasts_[index] : nullptr);
}

bool JobRunner::PlanToPinLess(Rank rank, const absl::Status& status) {
  const std::optional<PinRefusal> refusal = PinRefusalOf(status);
  const auto index = static_cast<size_t>(rank.value());
  const bool planned =
      index < forecasts_.size() && !plan_.config.pipeline.memory.has_value();
  if (!refusal.has_value() || !planned) return false;
  // What pins nothing by plan gets no further by another one.
  if (forecasts_[index].pinned_bytes == 0) return false;
  pin_limits_ = LimitsAfterRefusal(forecasts_, pin_limits_, rank.value(),
                                   *refusal, pin_refusals_++);
  ForgetHeld();  // it is loaded by the old plan
  refused_ = std::string(Explain(rank, status).message());
  Say(LogSeverity::kWarning,
      absl::StrCat("stage ", rank.value(), ": ", refused_,
                   ". The job goes on with a plan that pins less"));
  return true;
}

void JobRunner::OnFailure(Rank rank, const Pending& command,
                          const absl::Status& failure, absl::Time now) {
  // Memory is planned for what a start and its steps do.
  const bool explain = command.kind == kStepKind ||
                       command.kind == kStartKind || IsDeviceFault(failure);
  const absl::Status status = explain ? Explain(rank, failure) : failure;
  const bool step = command.kind == kStepKind;
  std::string where =
      absl::StrCat("stage ", rank.value(), ", ", kCommandNames[command.kind]);
  if (step) absl::StrAppend(&where, " ", command.step);
  if (step && validating_) where += " (the validation behind it)";
  if (PlanToPinLess(rank, failure)) {
    return Restart(Annotate(failure, where), now);
  }
  if (RollBack(command, Annotate(status, where), now)) return;
  if (TakeDiskFull(command, Annotate(status, where), now)) return;
  if (!IsWorthRestart(status)) return Fail(Annotate(status, where));
  if (step && absl::IsCancelled(status) && !suspected_.has_value()) {
    Stop(StopKind::kRestart, now);
  }
  // A step that was to be abandoned, and those behind it, have no result.
  if (step && stop_ != StopKind::kNone) {
    if (AllAnswered()) EndSteps(now);
    return;
  }
  if (suspected_.has_value() || AllAnswered()) {
    absl::Status cause = Annotate(status, where);
    // The first report counts, unless it was an echo of a device's fault.
    if (suspected_.has_value() && !IsDeviceFault(status)) cause = *suspected_;
    suspected_.reset();
    return Restart(cause, now);
  }
  suspected_ = Annotate(status, where);
  suspected_until_ = now + kCauseGrace;
}

void JobRunner::Restart(const absl::Status& cause, absl::Time now) {
  if (stop_ == StopKind::kRestart) {
    stop_ = StopKind::kNone;
    stop_deadline_.reset();
  }
  if (stop_ != StopKind::kNone)
    return FinishStopped(std::string(cause.message()), now);
  suspected_.reset();
  full_disk_.reset();
  shortage_.reset();
  // The short way back failed; the long one is no further try.
  const bool falls_back = continue_at_ > 0 && (phase_ == Phase::kOpenLink ||
                                               phase_ == Phase::kStart);
  if (falls_back && may_continue_) {
    may_continue_ = false;
    return FormAgain(cause, absl::ZeroDuration(), now);
  }
  if (!save_directory_.empty()) {
    ledger_->Discard(std::exchange(save_directory_, ""));
  }
  const std::optional<absl::Duration> delay = DelayBeforeRestart(cause);
  if (!delay.has_value()) {
    return Fail(Annotate(
        cause, absl::StrCat("gave up after ", restarts_.limit(),
                            " restarts without a further step; the last one")));
  }
  FormAgain(cause, *delay, now);
}

void JobRunner::FormAgain(const absl::Status& cause, absl::Duration delay,
                          absl::Time now) {
  absl::StatusOr<Epoch> epoch = host_->NewEpoch();
  if (!epoch.ok()) return Fail(epoch.status());
  last_epoch_ = std::exchange(epoch_, *epoch);
  for (int32_t rank = 0; rank < 2; ++rank) {
    Stage& stage = stages_[static_cast<size_t>(rank)];
    stage.abandoned = std::exchange(stage.pending, {});
    stage.reports.clear();
    watch_.OnIdle(rank);
  }
  validating_ = false;
  adding_formats_ = false;
  phase_ = Phase::kWait;
  wait_since_ = now;
  resume_at_ = now + delay;
  meter_.Pause();
  cause_ = std::string(cause.message());
  host_->OnRestart(RestartReason(cause));
  host_->ChangeState(JobTrigger::kStageLost, cause_, absl::OkStatus());
  ProceedWhenReady(now);
}

}  // namespace halfpipe
