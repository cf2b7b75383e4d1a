#include "coordinator/run/job_runner.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "coordinator/run/command_kinds.h"

namespace halfpipe {
JobRunner::JobRunner(JobPlan plan, std::vector<Checkpoint> checkpoints,
                     CheckpointLedger* ledger, JobRunnerHost* host)
    : run_(std::move(plan), ledger, host),
      data_(&run_),
      checkpoints_(&run_, std::move(checkpoints)),
      found_(&run_, &checkpoints_, &data_),
      recovery_(&run_),
      preparation_(&run_, &data_, &found_, &recovery_),
      nonfinite_(&run_),
      validations_(&run_),
      start_(&run_, &data_, &validations_, &nonfinite_),
      saves_(&run_,
             {&data_, &start_, &validations_, &nonfinite_, &checkpoints_}),
      steps_(&run_, {&data_, &start_, &checkpoints_, &validations_, &saves_,
                     &nonfinite_}),
      publication_(&run_, &data_, &checkpoints_),
      stalls_(&run_) {}

void JobRunner::Begin(const std::vector<StageInfo>& stages, absl::Time now) {
  for (const StageInfo& stage : stages) {
    // The pair may have more stages than the job.
    if (run_.stages.Contains(stage.rank)) run_.stages.Join(stage);
  }
  recovery_.BeginWait("", absl::ZeroDuration(), now);
  run_.host->ChangeState(JobTrigger::kStart, "", absl::OkStatus());
  if (absl::Status begun = run_.stages.NewEpoch(); !begun.ok()) {
    return Fail(begun);
  }
  ProceedWhenReady(now);
}

void JobRunner::OnJoined(const StageInfo& stage, absl::Time now) {
  if (finished() || !run_.stages.Contains(stage.rank)) return;
  run_.stages.Join(stage);
  if (phase_ == Phase::kWait) ProceedWhenReady(now);
}

void JobRunner::OnLost(Rank rank, absl::Time now) {
  if (finished() || !run_.stages.Contains(rank)) return;
  if (!run_.stages.Leave(rank) || phase_ == Phase::kWait) return;
  Restart(recovery_.CauseOfLoss(rank), now);
}

void JobRunner::OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat,
                            absl::Time now) {
  if (finished() || !run_.stages.Contains(rank)) return;
  run_.stages.OnHeartbeat(rank, heartbeat);
  const std::optional<absl::Status> stuck =
      stalls_.OnHeartbeat(rank, heartbeat, phase_ == Phase::kValidate,
                          start_.schedule(), recovery_.has_suspicion(), now);
  if (stuck.has_value()) Restart(*stuck, now);
  if (phase_ == Phase::kEncode && heartbeat.epoch == epoch()) {
    preparation_.OnHeartbeat(rank, heartbeat);
  }
}

void JobRunner::OnTick(absl::Time now) {
  if (finished()) return;
  if (stop_.deadline.has_value() && now > *stop_.deadline) {
    return FinishStopped("the stages did not stop in time", now);
  }
  if (recovery_.room().is_short()) {
    return Restart(recovery_.room().EndShortage(), now);
  }
  if (recovery_.IsSuspicionDue(now)) {
    return Restart(recovery_.EndSuspicion(), now);
  }
  if (phase_ == Phase::kWait) ProceedWhenReady(now);
  if (phase_ == Phase::kStep) Follow(NextMove::To(Move::kStep), now);
  if (phase_ != Phase::kNoRoom || !recovery_.room().IsTryDue(now)) return;
  switch (recovery_.room().waited_for()) {
    case Move::kRoomToSave:
      return Save(now);
    case Move::kRoomToPublish:
      return Follow(NextMove::To(Move::kPublish, checkpoints_.resume_from()),
                    now);
    default:
      return Follow(NextMove::To(Move::kScan), now);
  }
}

void JobRunner::ProceedWhenReady(absl::Time now) {
  if (!found_.has_folder()) {
    if (!recovery_.IsDelayOver(now)) return;
    if (absl::Status taken = found_.TakeFolder(now); !taken.ok()) {
      return Fail(taken);
    }
  }
  if (!run_.stages.Missing().empty()) {
    if (absl::Status late = recovery_.CheckPatience(now); !late.ok()) {
      Fail(late);
    }
    return;
  }
  if (!recovery_.IsDelayOver(now)) return;
  Follow(NextMove::To(data_.is_encoded() ? Move::kLoad : Move::kScan), now);
}

void JobRunner::Follow(const NextMove& next, absl::Time now) {
  switch (next.move) {
    case Move::kWait:
      return;
    case Move::kScan:
      phase_ = Phase::kScan;
      return preparation_.Scan();
    case Move::kEncode:
      phase_ = Phase::kEncode;
      return Follow(preparation_.Encode(), now);
    case Move::kLoad:
      return Load(now);
    case Move::kStart: {
      phase_ = Phase::kStart;
      const absl::Status sent = start_.Send(checkpoints_.resume_from());
      return sent.ok() ? stalls_.OnSchedule(start_.schedule().hash)
                       : Fail(sent);
    }
    case Move::kStep:
      if (!stop_.is_there() && !recovery_.has_suspicion()) steps_.Issue(now);
      if (steps_.IsIdle()) Follow(NextMove::To(Move::kEndSteps), now);
      return;
    case Move::kEndSteps:
      phase_ = Phase::kStep;  // no validation is under way either
      return Follow(steps_.AfterSteps(stop_.is_there(), now), now);
    case Move::kValidate: {
      phase_ = Phase::kValidate;
      steps_.Pause();
      const absl::Status begun =
          validations_.Begin(start_.started().evaluation_schedule,
                             data_.held_out(), steps_.steps_done());
      return begun.ok() ? void() : Fail(begun);
    }
    case Move::kSave:
      return Save(now);
    case Move::kPublish:
      return Follow(publication_.Publish(next.text), now);
    case Move::kAddFormats:
      phase_ = Phase::kAddFormats;
      return publication_.AddFormats();
    case Move::kPublished:
      recovery_.room().OnRoom();
      run_.host->SetExports(next.exports);
      return Finish(JobTrigger::kComplete,
                    validations_.DoneText(checkpoints_.saved_steps()));
    case Move::kComplete:
      return Finish(JobTrigger::kComplete, next.text);
    case Move::kStopped:
      return FinishStopped(next.text, now);
    case Move::kWaitForRoom:
    case Move::kRoomToSave:
    case Move::kRoomToAddFormats:
    case Move::kRoomToPublish:
      return WaitForRoom(next, now);
    case Move::kRestart:
      return Restart(next.error, now);
    case Move::kFail:
      return Fail(next.error);
  }
}

void JobRunner::OnResult(Rank rank, const CommandResult& result,
                         absl::Time now) {
  if (finished() || !run_.stages.Contains(rank)) return;
  if (result.epoch != epoch()) {
    // Before its first step the new epoch can still learn why the last one
    // ended: the peer's report came first.
    const bool asks = phase_ == Phase::kWait || phase_ == Phase::kOpenLink ||
                      phase_ == Phase::kStart;
    if (asks && recovery_.MayBeCause(rank, result)) {
      OnEarlierFailure(rank, result.status, now);
    }
    return;
  }
  const std::optional<SentCommand> command =
      run_.stages.MatchResult(rank, result);
  if (!command.has_value()) return;
  RoomWait& room = recovery_.room();
  if (room.is_short()) return;  // this epoch is over
  if (!result.status.ok()) {
    return OnFailure(rank, *command, Described(result.status, rank.value()),
                     now);
  }
  if (recovery_.has_suspicion()) {
    // This epoch is over; only its cause is still asked for.
    if (run_.stages.AllAnswered()) Restart(recovery_.EndSuspicion(), now);
    return;
  }
  if (room.is_full()) {
    // Its peer's part is made again too, where it needs to be.
    if (run_.stages.AllAnswered()) Follow(room.AfterAnswers(), now);
    return;
  }
  // The alternatives of ResultBody follow those of CommandBody, after "none".
  if (result.body.index() != command->kind + 1) {
    return Fail(absl::InternalError(
        absl::StrCat("stage ", rank.value(), " answered ",
                     kCommandNames[command->kind], " with another result")));
  }
  Dispatch(rank, result.body, now);
}

void JobRunner::Dispatch(Rank rank, const ResultBody& body, absl::Time now) {
  if (const auto* scan = std::get_if<ScanResult>(&body)) {
    return Follow(preparation_.OnScanned(*scan, now), now);
  }
  if (const auto* encode = std::get_if<EncodeResult>(&body)) {
    return Follow(preparation_.OnEncoded(*encode), now);
  }
  if (const auto* link = std::get_if<OpenLinkResult>(&body)) {
    start_.OnLinkOpened(*link);
    return Follow(NextMove::To(Move::kStart), now);
  }
  if (const auto* start = std::get_if<StartResult>(&body)) {
    start_.OnStarted(rank, *start);
    return run_.stages.AllAnswered() ? OnStarted(now) : void();
  }
  if (const auto* step = std::get_if<StepResult>(&body)) {
    return OnStepReported(rank, step->report, now);
  }
  if (const auto* save = std::get_if<SaveResult>(&body)) {
    saves_.OnFiles(save->files);
    if (!run_.stages.AllAnswered()) return;
    if (!saves_.Export(steps_.steps_done())) return CommitSave(now);
    phase_ = Phase::kExport;
    return;
  }
  if (const auto* exported = std::get_if<ExportResult>(&body)) {
    if (phase_ == Phase::kAddFormats) {
      return Follow(publication_.OnFormatsAdded(*exported), now);
    }
    saves_.OnFiles(exported->files);
    return CommitSave(now);
  }
}

void JobRunner::Load(absl::Time now) {
  absl::Status ready = data_.TakeRecordedOrder(found_.directory());
  if (ready.ok()) ready = data_.HoldOutSamples();
  if (!ready.ok()) return Fail(ready);
  const ValidationRecord known = validations_.record();
  validations_.set_record({});
  const bool rolling_back = nonfinite_.TakeRollback();
  const absl::Status chosen = checkpoints_.Choose(
      [&](const Checkpoint& checkpoint) {
        return !rolling_back || nonfinite_.IsRegular(checkpoint);
      },
      data_);
  if (!chosen.ok()) return Fail(chosen);
  const int64_t saved = checkpoints_.saved_steps();
  const bool has_one = !checkpoints_.resume_from().empty();
  const CheckpointManifest& manifest = checkpoints_.manifest();
  if (has_one) validations_.set_record(manifest.validation);
  nonfinite_.OnChosen(rolling_back, saved,
                      has_one ? manifest.learning_rate_factor : 1.0);
  if (saved >= validations_.LastStep()) {
    return Follow(NextMove::To(Move::kPublish, checkpoints_.resume_from()),
                  now);
  }
  found_.LogStepsChange(saved);
  start_.set_continue_at(
      validations_.ChooseRecord(known, start_.StepsHeld(saved)));
  phase_ = Phase::kOpenLink;
  if (run_.stages.world() == 1) {
    return Follow(NextMove::To(Move::kStart), now);
  }
  if (absl::Status sent = start_.OpenLink(); !sent.ok()) Fail(sent);
}

void JobRunner::OnStarted(absl::Time now) {
  if (absl::Status agreed = start_.End(); !agreed.ok()) return Fail(agreed);
  const int64_t held = start_.continue_at();
  const int64_t saved = checkpoints_.saved_steps();
  steps_.Begin(held > 0 ? held : saved);
  saves_.CountFrom(now);
  phase_ = Phase::kStep;
  recovery_.OnRunning();
  run_.host->ChangeState(
      JobTrigger::kReady,
      held > 0 ? absl::StrCat("from step ", held, ", which ",
                              run_.stages.world() > 2 ? "all" : "both",
                              " stages hold")
      : checkpoints_.resume_from().empty()
          ? std::string()
          : absl::StrCat("from the checkpoint of step ", saved),
      absl::OkStatus());
  Follow(NextMove::To(Move::kStep), now);
}

void JobRunner::OnStepReported(Rank rank, const StepReport& report,
                               absl::Time now) {
  if (phase_ == Phase::kValidate) {
    validations_.OnReport(report);
    if (!run_.stages.AllAnswered()) return;
    // Its peer may have abandoned it; whoever goes on validates again.
    if (stop_.is_there()) return Follow(NextMove::To(Move::kEndSteps), now);
    phase_ = Phase::kStep;
    const absl::StatusOr<bool> best = validations_.End(steps_.steps_done());
    if (!best.ok()) return Fail(best.status());
    // The best weights are worth a checkpoint, whenever the next one is due.
    if (*best && steps_.steps_done() != checkpoints_.saved_steps()) {
      saves_.Request(true);
    }
    return Follow(NextMove::To(Move::kStep), now);
  }
  const absl::StatusOr<bool> finished = steps_.OnReport(rank, report, now);
  if (!finished.ok()) return Fail(finished.status());
  if (*finished) recovery_.OnProgress(data_.size() + steps_.steps_done());
  if (!stop_.is_there()) return Follow(NextMove::To(Move::kStep), now);
  if (run_.stages.AllAnswered()) Follow(NextMove::To(Move::kEndSteps), now);
}

bool JobRunner::RequestSave(absl::Time now) {
  const bool trains = phase_ == Phase::kStep || phase_ == Phase::kValidate;
  if (!trains || stop_.is_there()) {
    // What is being saved is the newest there is.
    return phase_ == Phase::kSave || phase_ == Phase::kExport ||
           phase_ == Phase::kAddFormats ||
           (phase_ == Phase::kNoRoom &&
            recovery_.room().waited_for() == Move::kRoomToSave);
  }
  saves_.Request(steps_.HasUnsaved());
  if (phase_ == Phase::kStep) Follow(NextMove::To(Move::kStep), now);
  return true;
}

void JobRunner::Save(absl::Time now) {
  // From kNoRoom the job is saving already.
  if (!stop_.is_there() && phase_ == Phase::kStep) {
    run_.host->ChangeState(JobTrigger::kSave, "", absl::OkStatus());
  }
  const absl::Status begun = saves_.Begin(steps_.steps_done());
  if (IsWaitedFor(begun)) {
    return Follow(NextMove::For(Move::kRoomToSave, begun), now);
  }
  if (!begun.ok()) return Fail(Annotate(begun, "save"));
  phase_ = Phase::kSave;
  steps_.Pause();
}

void JobRunner::CommitSave(absl::Time now) {
  const absl::Status committed = saves_.Commit(steps_.steps_done(), now);
  if (IsWaitedFor(committed)) {
    return Follow(NextMove::For(Move::kRoomToSave, committed), now);
  }
  if (!committed.ok()) return Fail(Annotate(committed, "save"));
  recovery_.room().OnRoom();
  saves_.RemoveOld();
  if (steps_.steps_done() >= validations_.LastStep()) {
    return Follow(
        NextMove::To(Move::kPublish, checkpoints_.all().back().directory), now);
  }
  if (stop_.is_there()) return FinishStopped("", now);
  run_.host->ChangeState(JobTrigger::kSaved, "", absl::OkStatus());
  phase_ = Phase::kStep;
  saves_.CountFrom(now);
  Follow(NextMove::To(Move::kStep), now);
}

bool JobRunner::IsStuck(Rank rank, const StageHeartbeat& heartbeat) const {
  return stalls_.IsStuck(rank, heartbeat);
}

std::vector<std::string> JobRunner::CheckpointDirectories() const {
  return checkpoints_.Directories();
}

void JobRunner::OnScrubbed(const std::string& directory,
                           const absl::Status& found) {
  if (finished() || !IsDamage(found)) return;
  // While the stages hold the state, even the last one may go.
  const bool holds_state = phase_ == Phase::kStep ||
                           phase_ == Phase::kValidate ||
                           phase_ == Phase::kSave || phase_ == Phase::kExport ||
                           phase_ == Phase::kAddFormats;
  if (holds_state && checkpoints_.OnDamaged(directory, found)) saves_.OnLost();
}

}  // namespace halfpipe
