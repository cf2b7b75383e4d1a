// How the runner's epochs and the job itself end: by a failure, a loss or a
// stop.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "coordinator/run/command_kinds.h"
#include "coordinator/run/job_failure.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {
namespace {

// Abandoning a step and saving takes seconds; past this a stage hangs.
constexpr absl::Duration kStopTimeout = absl::Seconds(60);

// What a job comes to that was stopped so.
JobTrigger EndOf(StopKind stop) {
  if (stop == StopKind::kInterrupt) return JobTrigger::kInterrupted;
  if (stop == StopKind::kPause) return JobTrigger::kPaused;
  return JobTrigger::kCancelled;
}

}  // namespace

void JobRunner::Stop(StopKind kind, absl::Time now) {
  if (finished()) return;
  const bool first = !stop_.is_there() || stop_.kind == StopKind::kRestart;
  const bool pausing = stop_.kind == StopKind::kPause;
  const bool more =
      kind == StopKind::kCancelNow || (pausing && kind == StopKind::kCancel);
  if (!first && !more) return;
  const bool under_way = pausing || stop_.kind == StopKind::kRestart;
  stop_.kind = kind;
  if (kind == StopKind::kPause) {
    run_.host->ChangeState(JobTrigger::kPause, "", absl::OkStatus());
  }
  if (kind == StopKind::kCancel || kind == StopKind::kCancelNow) {
    run_.host->ChangeState(JobTrigger::kCancel, "", absl::OkStatus());
  }
  const bool trains = phase_ == Phase::kStep || phase_ == Phase::kValidate;
  const bool has_state = trains || phase_ == Phase::kSave ||
                         phase_ == Phase::kExport ||
                         phase_ == Phase::kAddFormats;
  if (kind == StopKind::kCancelNow || !has_state) {
    return FinishStopped(
        phase_ == Phase::kNoRoom ? "there was no room for a later one" : "",
        now);
  }
  if (under_way) return;
  stop_.deadline = now + kStopTimeout;
  if (!trains) return;
  steps_.Retract();
  if (run_.stages.AllAnswered()) Follow(NextMove::To(Move::kEndSteps), now);
}

bool JobRunner::WantsAbandon(Rank rank) const {
  const bool trains = phase_ == Phase::kStep || phase_ == Phase::kValidate;
  return stop_.is_there() && trains && run_.stages.Contains(rank) &&
         steps_.MayAbandon(rank);
}

void JobRunner::WaitForRoom(const NextMove& next, absl::Time now) {
  const bool publishes = next.move == Move::kRoomToPublish;
  if (!publishes) saves_.Discard();
  // Whoever asked for a stop does not wait for a disk; publishing is the end.
  if (!publishes && stop_.is_there()) {
    return FinishStopped(absl::StrCat("there was no room for a later one: ",
                                      std::string(next.error.message())),
                         now);
  }
  phase_ = Phase::kNoRoom;
  const bool adds = next.move == Move::kRoomToAddFormats;
  recovery_.room().Hold(adds ? Move::kRoomToPublish : next.move, next.error);
}

void JobRunner::OnEarlierFailure(Rank rank, const absl::Status& failure,
                                 absl::Time now) {
  const std::string where = absl::StrCat("stage ", rank.value());
  if (!start_.memory().PinLess(rank, failure)) {
    return Fail(Annotate(
        start_.memory().Explain(rank, Described(failure, rank.value())),
        where));
  }
  if (phase_ != Phase::kWait) Restart(Annotate(failure, where), now);
}

void JobRunner::OnFailure(Rank rank, const SentCommand& command,
                          const absl::Status& failure, absl::Time now) {
  // Memory is planned for what a start and its steps do.
  const bool step = command.kind == kStepKind;
  const bool explain =
      step || command.kind == kStartKind || IsDeviceFault(failure);
  const absl::Status status =
      explain ? start_.memory().Explain(rank, failure) : failure;
  std::string where =
      absl::StrCat("stage ", rank.value(), ", ", kCommandNames[command.kind]);
  if (step) absl::StrAppend(&where, " ", command.step);
  if (phase_ == Phase::kValidate) where += " (the validation behind it)";
  if (start_.memory().PinLess(rank, failure)) {
    return Restart(Annotate(failure, where), now);
  }
  const absl::Status report = Annotate(status, where);
  if (step && !stop_.is_there()) {
    if (const auto back = nonfinite_.RollBack(report); back.has_value()) {
      run_.stages.ForgetHeld();
      recovery_.ForgetSuspicion();
      run_.host->OnNonFiniteStep();
      return FormAgain(*back, absl::ZeroDuration(), now);
    }
  }
  const bool encodes = command.kind == kEncodeKind || command.kind == kScanKind;
  const bool saves = command.kind == kSaveKind || command.kind == kExportKind;
  if (IsWaitedFor(report) && (encodes || saves)) {
    RoomWait& room = recovery_.room();
    room.OnDiskFull(report, encodes ? Move::kWaitForRoom
                            : phase_ == Phase::kAddFormats
                                ? Move::kRoomToAddFormats
                                : Move::kRoomToSave);
    return run_.stages.AllAnswered() ? Follow(room.AfterAnswers(), now)
                                     : void();
  }
  if (!IsWorthRestart(status)) return Fail(report);
  if (step && absl::IsCancelled(status) && !recovery_.has_suspicion()) {
    Stop(StopKind::kRestart, now);
  }
  // A step that was to be abandoned, and those behind it, have no result.
  if (step && stop_.is_there()) {
    if (run_.stages.AllAnswered()) Follow(NextMove::To(Move::kEndSteps), now);
    return;
  }
  if (recovery_.has_suspicion() || run_.stages.AllAnswered()) {
    return Restart(recovery_.CauseWith(report), now);
  }
  recovery_.Suspect(report, now);
}

void JobRunner::Restart(const absl::Status& cause, absl::Time now) {
  if (stop_.kind == StopKind::kRestart) stop_ = {};
  if (stop_.is_there()) return FinishStopped(std::string(cause.message()), now);
  recovery_.ForgetSuspicion();
  recovery_.room().Forget();
  // The short way back failed; the long one is no further try.
  const bool starts = phase_ == Phase::kOpenLink || phase_ == Phase::kStart;
  if (starts && start_.GiveUpContinuing()) {
    return FormAgain(cause, absl::ZeroDuration(), now);
  }
  saves_.Discard();
  const absl::StatusOr<absl::Duration> delay =
      recovery_.DelayBeforeRestart(cause);
  if (!delay.ok()) return Fail(delay.status());
  FormAgain(cause, *delay, now);
}

void JobRunner::FormAgain(const absl::Status& cause, absl::Duration delay,
                          absl::Time now) {
  if (absl::Status begun = run_.stages.NewEpoch(); !begun.ok()) {
    return Fail(begun);
  }
  steps_.OnNewEpoch();
  stalls_.OnNewEpoch();
  phase_ = Phase::kWait;
  const std::string reason(cause.message());
  recovery_.BeginWait(reason, delay, now);
  run_.host->OnRestart(RestartReason(cause));
  run_.host->ChangeState(JobTrigger::kStageLost, reason, absl::OkStatus());
  ProceedWhenReady(now);
}

void JobRunner::Fail(const absl::Status& error) {
  if (finished()) return;
  if (IsNonFinite(error)) run_.host->OnNonFiniteStep();
  if (stop_.kind == StopKind::kCancel || stop_.kind == StopKind::kCancelNow) {
    return Finish(JobTrigger::kCancelled, std::string(error.message()));
  }
  if (recovery_.room().TakeShortage(error)) return;
  const absl::Status all = data_.BehindProblems(error);
  Finish(JobTrigger::kFail, std::string(all.message()), all);
}

void JobRunner::FinishStopped(const std::string& detail, absl::Time now) {
  if (stop_.kind == StopKind::kRestart) {
    return Restart(absl::UnavailableError(
                       detail.empty() ? "a stage is being stopped" : detail),
                   now);
  }
  const std::vector<Checkpoint>& all = checkpoints_.all();
  const std::string kept = all.empty()
                               ? "there is no checkpoint"
                               : absl::StrCat("the last checkpoint has ",
                                              all.back().steps_done, " steps");
  Finish(EndOf(stop_.kind),
         detail.empty() ? kept : absl::StrCat(kept, " (", detail, ")"));
}

void JobRunner::Finish(JobTrigger trigger, const std::string& reason,
                       const absl::Status& error) {
  saves_.Discard();
  // Whatever the stages still do for this job is void; then they free it.
  const bool told =
      trigger == JobTrigger::kComplete || run_.stages.NewEpoch().ok();
  if (told) run_.stages.SendEnd(std::string(JobTriggerName(trigger)));
  phase_ = Phase::kFinished;
  if (run_.plan.kind == JobKind::kTrain) {
    run_.ledger->Release(run_.plan.config.output.dir);
  }
  run_.host->ChangeState(trigger, reason, error);
}

}  // namespace halfpipe
