#include "coordinator/run/job_runner.h"

#include <algorithm>
#include <utility>

#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "coordinator/run/command_kinds.h"

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

JobRunner::JobRunner(JobPlan plan, std::vector<Checkpoint> checkpoints,
                     CheckpointLedger* ledger, JobRunnerHost* host)
    : plan_(std::move(plan)),
      world_(static_cast<int32_t>(plan_.config.pipeline.stages)),
      ledger_(ledger),
      host_(host),
      training_(plan_.config, plan_.config_digest),
      checkpoints_(std::move(checkpoints)) {}

void JobRunner::Begin(const std::vector<StageInfo>& stages, absl::Time now) {
  for (const StageInfo& stage : stages) Welcome(stage);
  wait_since_ = now;
  resume_at_ = now;
  host_->ChangeState(JobTrigger::kStart, "", absl::OkStatus());
  absl::StatusOr<Epoch> epoch = host_->NewEpoch();
  if (!epoch.ok()) return Fail(epoch.status());
  epoch_ = *epoch;
  ProceedWhenReady(now);
}

void JobRunner::OnJoined(const StageInfo& stage, absl::Time now) {
  if (finished() || stage.rank.value() >= world_) return;
  Welcome(stage);
  if (phase_ == Phase::kWait) ProceedWhenReady(now);
}

void JobRunner::Welcome(const StageInfo& info) {
  Stage& stage = stages_[static_cast<size_t>(info.rank.value())];
  stage.info = info;
  stage.held.reset();
  if (info.loaded != nullptr) stage.held = *info.loaded;
}

void JobRunner::OnTick(absl::Time now) {
  if (finished()) return;
  if (stop_deadline_.has_value() && now > *stop_deadline_) {
    return FinishStopped("the stages did not stop in time", now);
  }
  if (shortage_.has_value()) {
    return Restart(*std::exchange(shortage_, std::nullopt), now);
  }
  if (suspected_.has_value() && now > suspected_until_) {
    return Restart(*std::exchange(suspected_, std::nullopt), now);
  }
  if (phase_ == Phase::kWait) ProceedWhenReady(now);
  if (phase_ == Phase::kStep) Advance(now);
  if (phase_ == Phase::kNoRoom) TryForRoom(now);
}

void JobRunner::ProceedWhenReady(absl::Time now) {
  if (!has_folder_) {
    if (now < resume_at_) return;
    if (absl::Status taken = TakeFolder(now); !taken.ok()) return Fail(taken);
    has_folder_ = true;
  }
  const std::string missing = MissingStages();
  if (!missing.empty()) {
    if (now - wait_since_ <= plan_.join_timeout) return;
    return Fail(
        Described(absl::DeadlineExceededError(absl::StrCat(
                      missing, " did not join within ",
                      absl::FormatDuration(plan_.join_timeout),
                      ": see that process's log for the reason",
                      cause_.empty() ? "" : "; it was missed after: ", cause_)),
                  OnlyMissingStage()));
  }
  if (now < resume_at_) return;
  if (encoded_) return BeginStart();
  BeginScan();
}

std::string JobRunner::MissingStages() const {
  std::string missing;
  for (int32_t rank = 0; rank < world_; ++rank) {
    if (stages_[static_cast<size_t>(rank)].info.has_value()) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : " and ", "stage ", rank);
  }
  return missing;
}

std::optional<int32_t> JobRunner::OnlyMissingStage() const {
  std::optional<int32_t> missing;
  for (int32_t rank = 0; rank < world_; ++rank) {
    if (stages_[static_cast<size_t>(rank)].info.has_value()) continue;
    if (missing.has_value()) return std::nullopt;
    missing = rank;
  }
  return missing;
}

void JobRunner::Send(Rank rank, CommandBody body, int64_t step) {
  const size_t kind = body.index();
  const int64_t sequence = host_->Send(rank, std::move(body));
  stages_[static_cast<size_t>(rank.value())].pending.push_back(
      {sequence, kind, step});
}

void JobRunner::SendAll(const CommandBody& body) {
  for (int32_t rank = 0; rank < world_; ++rank) Send(Rank(rank), body);
}

bool JobRunner::AllAnswered() const {
  for (const Stage& stage : stages_) {
    if (!stage.pending.empty()) return false;
  }
  return true;
}

void JobRunner::OnResult(Rank rank, const CommandResult& result,
                         absl::Time now) {
  if (finished() || rank.value() >= world_) return;
  if (result.epoch != epoch_) return OnEarlierResult(rank, result, now);
  Stage& stage = stages_[static_cast<size_t>(rank.value())];
  if (stage.pending.empty() ||
      stage.pending.front().sequence != result.sequence) {
    return;
  }
  const Pending command = stage.pending.front();
  stage.pending.pop_front();
  if (shortage_.has_value()) return;  // this epoch is over
  if (!result.status.ok()) {
    return OnFailure(rank, command, Described(result.status, rank.value()),
                     now);
  }
  if (suspected_.has_value()) {
    // This epoch is over; only its cause is still asked for.
    if (AllAnswered()) Restart(*std::exchange(suspected_, std::nullopt), now);
    return;
  }
  if (full_disk_.has_value()) {
    // Its peer's part is made again too, where it needs to be.
    if (AllAnswered()) WaitForRoom(room_for_, now);
    return;
  }
  // The alternatives of ResultBody follow those of CommandBody, after "none".
  if (result.body.index() != command.kind + 1) {
    return Fail(absl::InternalError(
        absl::StrCat("stage ", rank.value(), " answered ",
                     kCommandNames[command.kind], " with another result")));
  }
  Dispatch(rank, result.body, now);
}

void JobRunner::Dispatch(Rank rank, const ResultBody& body, absl::Time now) {
  Stage& stage = stages_[static_cast<size_t>(rank.value())];
  if (const auto* scan = std::get_if<ScanResult>(&body)) {
    return OnScanned(*scan, now);
  }
  if (const auto* encode = std::get_if<EncodeResult>(&body)) {
    return OnEncoded(*encode);
  }
  if (const auto* link = std::get_if<OpenLinkResult>(&body)) {
    return OnLinkOpen(link->rendezvous);
  }
  if (const auto* start = std::get_if<StartResult>(&body)) {
    stage.start = *start;
    return OnStarted(now);
  }
  if (const auto* step = std::get_if<StepResult>(&body)) {
    return OnStepReported(rank, step->report, now);
  }
  if (const auto* save = std::get_if<SaveResult>(&body)) {
    return OnSaved(save->files, now);
  }
  if (const auto* exported = std::get_if<ExportResult>(&body)) {
    if (adding_formats_) return OnFormatsAdded(*exported);
    save_files_.insert(save_files_.end(), exported->files.begin(),
                       exported->files.end());
    return CommitSave(now);
  }
}

void JobRunner::Stop(StopKind kind, absl::Time now) {
  if (finished()) return;
  const bool first = stop_ == StopKind::kNone || stop_ == StopKind::kRestart;
  const bool pausing = stop_ == StopKind::kPause;
  const bool more =
      kind == StopKind::kCancelNow || (pausing && kind == StopKind::kCancel);
  if (!first && !more) return;
  const bool under_way = pausing || stop_ == StopKind::kRestart;
  stop_ = kind;
  if (kind == StopKind::kPause) {
    host_->ChangeState(JobTrigger::kPause, "", absl::OkStatus());
  }
  if (kind == StopKind::kCancel || kind == StopKind::kCancelNow) {
    host_->ChangeState(JobTrigger::kCancel, "", absl::OkStatus());
  }
  const bool has_state = phase_ == Phase::kStep || phase_ == Phase::kSave ||
                         phase_ == Phase::kExport;
  if (kind == StopKind::kCancelNow || !has_state) {
    return FinishStopped(
        phase_ == Phase::kNoRoom ? "there was no room for a later one" : "",
        now);
  }
  if (under_way) return;
  stop_deadline_ = now + kStopTimeout;
  if (phase_ != Phase::kStep) return;
  RetractSteps();
  if (AllAnswered()) EndSteps(now);
}

void JobRunner::RetractSteps() {
  const int64_t furthest =
      std::max(stages_[0].steps_done, stages_[1].steps_done);
  for (int32_t rank = 0; rank < world_; ++rank) {
    Stage& stage = stages_[static_cast<size_t>(rank)];
    const int64_t delivered = host_->Retract(Rank(rank));
    while (!stage.pending.empty() &&
           stage.pending.back().sequence > delivered) {
      stage.pending.pop_back();
    }
    // What the peer has finished is finished here too.
    for (int64_t step =
             stage.steps_done + static_cast<int64_t>(stage.pending.size());
         step < furthest; ++step) {
      Send(Rank(rank), MakeStep(step), step);
    }
  }
}

bool JobRunner::WantsAbandon(Rank rank) const {
  if (stop_ == StopKind::kNone || phase_ != Phase::kStep) return false;
  if (rank.value() >= world_) return false;
  const Stage& stage = stages_[static_cast<size_t>(rank.value())];
  if (stage.pending.empty()) return false;
  // A step that the peer has finished is as good as done here too: abandoning
  // it would leave two halves that do not belong together.
  for (int32_t peer = 0; peer < world_; ++peer) {
    if (stages_[static_cast<size_t>(peer)].steps_done >
        stage.pending.front().step) {
      return false;
    }
  }
  return true;
}

void JobRunner::Fail(const absl::Status& error) {
  if (finished()) return;
  if (IsNonFinite(error)) host_->OnNonFiniteStep();
  if (stop_ == StopKind::kCancel || stop_ == StopKind::kCancelNow) {
    return Finish(JobTrigger::kCancelled, std::string(error.message()));
  }
  if (TakeShortage(error)) return;
  const absl::Status all = BehindProblems(error);
  Finish(JobTrigger::kFail, std::string(all.message()), all);
}

void JobRunner::FinishStopped(const std::string& detail, absl::Time now) {
  if (stop_ == StopKind::kRestart) {
    return Restart(absl::UnavailableError(
                       detail.empty() ? "a stage is being stopped" : detail),
                   now);
  }
  const std::string kept =
      checkpoints_.empty()
          ? "there is no checkpoint"
          : absl::StrCat("the last checkpoint has ",
                         checkpoints_.back().steps_done, " steps");
  const std::string reason =
      detail.empty() ? kept : absl::StrCat(kept, " (", detail, ")");
  Finish(EndOf(stop_), reason);
}

void JobRunner::Finish(JobTrigger trigger, const std::string& reason,
                       const absl::Status& error) {
  if (!save_directory_.empty()) {
    ledger_->Discard(std::exchange(save_directory_, ""));
  }
  // Whatever the stages still do for this job is void; then they free it.
  absl::StatusOr<Epoch> epoch = epoch_;
  if (trigger != JobTrigger::kComplete) epoch = host_->NewEpoch();
  if (epoch.ok()) {
    epoch_ = *epoch;
    for (int32_t rank = 0; rank < world_; ++rank) {
      if (!stages_[static_cast<size_t>(rank)].info.has_value()) continue;
      (void)host_->Send(Rank(rank),
                        EndCommand{std::string(JobTriggerName(trigger))});
    }
  }
  phase_ = Phase::kFinished;
  if (plan_.kind == JobKind::kTrain) ledger_->Release(plan_.config.output.dir);
  host_->ChangeState(trigger, reason, error);
}

void JobRunner::Say(LogSeverity severity, std::string text) {
  host_->Emit(LogLine{severity, std::move(text)});
}

}  // namespace halfpipe
