// The runner's steps and saves.
#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "common/config/key_values.h"
#include "coordinator/run/job_runner.h"
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
  use.kernel_seconds = report.kernel_seconds;
  if (use.kernel_seconds.empty()) return use;
  use.action_seconds = ByOperation(report);
  use.actions = report.timings;
  return use;
}

}  // namespace

bool JobRunner::SaveIsDue(int64_t steps_done, absl::Time now) const {
  if (steps_done == saved_steps_) return false;
  if (save_requested_ || save_soon_) return true;
  if (steps_done == LastStep()) return true;
  const SaveInterval& every = plan_.config.output.save_every;
  if (every.steps > 0) return steps_done % every.steps == 0;
  return every.seconds > 0 && now - last_save_ >= absl::Seconds(every.seconds);
}

bool JobRunner::RequestSave(absl::Time now) {
  const bool trains = phase_ == Phase::kStep && stop_ == StopKind::kNone;
  const bool saves = phase_ == Phase::kSave || phase_ == Phase::kExport ||
                     (phase_ == Phase::kNoRoom && room_for_ == RoomFor::kSave);
  if (!trains) return saves;  // what is being saved is the newest there is
  save_requested_ = steps_done_ != saved_steps_ || next_step_ != saved_steps_;
  Advance(now);
  return true;
}

bool JobRunner::MayIssue(absl::Time now) const {
  return stop_ == StopKind::kNone && !suspected_.has_value() && !validating_ &&
         next_step_ < LastStep() && next_step_ - steps_done_ < kLookAhead &&
         !ValidationIsDue(next_step_) && !SaveIsDue(next_step_, now);
}

StepCommand JobRunner::MakeStep(int64_t step) const {
  StepCommand command{
      MakeStepPlan(plan_, scan_->samples, epoch_, Step(step), schedule_.hash)};
  command.plan.learning_rate *= learning_rate_factor_;
  return command;
}

void JobRunner::Advance(absl::Time now) {
  while (MayIssue(now)) {
    const StepCommand command = MakeStep(next_step_);
    for (int32_t rank = 0; rank < world_; ++rank) {
      Send(Rank(rank), command, next_step_);
    }
    ++next_step_;
  }
  if (AllAnswered() && next_step_ == steps_done_) EndSteps(now);
}

void JobRunner::OnStepReported(Rank rank, const StepReport& report,
                               absl::Time now) {
  if (validating_) return OnEvaluated(report, now);
  Stage& stage = stages_[static_cast<size_t>(rank.value())];
  const int64_t step = stage.steps_done;
  stage.reports[step] = report;
  stage.steps_done = step + 1;
  stage.held = LoadedJob{started_, stage.steps_done};
  bool all_reported = true;
  for (int32_t peer = 0; peer < world_; ++peer) {
    all_reported = all_reported &&
                   stages_[static_cast<size_t>(peer)].reports.contains(step);
  }
  if (all_reported && !FinishStep(step, now)) return;
  if (stop_ != StopKind::kNone) {
    if (AllAnswered()) EndSteps(now);
    return;
  }
  Advance(now);
}

bool JobRunner::FinishStep(int64_t step, absl::Time now) {
  StepProgress progress;
  double stage_seconds = 0.0;
  std::vector<StepReport> reports;
  for (int32_t rank = 0; rank < world_; ++rank) {
    Stage& stage = stages_[static_cast<size_t>(rank)];
    reports.push_back(std::move(stage.reports.extract(step).mapped()));
    const StepReport& report = reports.back();
    progress.stages.push_back(UseOf(rank, report, stage.device_total_bytes));
    stage_seconds = std::max(stage_seconds, report.step_seconds);
    if (report.losses.empty()) continue;
    progress.loss = Mean(report.losses);
    progress.grad_norm = report.grad_norm;
  }
  if (absl::Status usable = TakeNonFinite(progress, step); !usable.ok()) {
    Fail(usable);
    return false;
  }
  host_->OnReports(reports);
  meter_.OnStep(now, progress.loss, stage_seconds);
  steps_done_ = step + 1;
  restarts_.OnProgress(
      static_cast<int64_t>(scan_->samples.size() + held_out_.size()) +
      steps_done_);
  progress.steps_done = steps_done_;
  progress.steps_total = plan_.config.train.steps;
  progress.smoothed_loss = meter_.smoothed_loss();
  progress.learning_rate =
      LearningRateAt(plan_.config.train, step) * learning_rate_factor_;
  progress.step_seconds = meter_.step_seconds();
  progress.eta_seconds =
      meter_.EtaSeconds(progress.steps_total - progress.steps_done);
  const NextSave next =
      PredictSave(plan_.config.output.save_every, steps_done_,
                  progress.steps_total, now - last_save_, meter_.EtaSeconds(1));
  progress.next_checkpoint_step = next.step;
  progress.next_checkpoint_seconds = next.seconds;
  host_->Emit(progress);
  return true;
}

void JobRunner::EndSteps(absl::Time now) {
  validating_ = false;  // no command is under way
  bool equal = true;
  for (int32_t rank = 0; rank < world_; ++rank) {
    equal = equal && stages_[static_cast<size_t>(rank)].steps_done ==
                         stages_[0].steps_done;
  }
  // Only a stop can catch one stage a step ahead of the other.
  if (!equal) {
    return FinishStopped("the stop fell into an optimizer step", now);
  }
  if (stop_ == StopKind::kNone && ValidationIsDue(steps_done_)) {
    return BeginValidation();
  }
  if (steps_done_ > saved_steps_ &&
      (stop_ != StopKind::kNone || SaveIsDue(steps_done_, now))) {
    return BeginSave(now);
  }
  if (stop_ != StopKind::kNone) return FinishStopped("", now);
  // A validation of what had been saved already may have been the last one.
  if (steps_done_ >= LastStep() && steps_done_ == saved_steps_) {
    Complete(checkpoints_.back().directory);
  }
}

void JobRunner::BeginSave(absl::Time now) {
  // From kNoRoom the job is saving already.
  if (stop_ == StopKind::kNone && phase_ == Phase::kStep) {
    host_->ChangeState(JobTrigger::kSave, "", absl::OkStatus());
  }
  absl::StatusOr<std::string> directory =
      ledger_->Begin(plan_.config.output.dir, steps_done_);
  if (IsWaitedFor(directory.status())) {
    full_disk_ = directory.status();
    return WaitForRoom(RoomFor::kSave, now);
  }
  if (!directory.ok()) return Fail(Annotate(directory.status(), "save"));
  save_directory_ = *std::move(directory);
  save_files_.clear();
  phase_ = Phase::kSave;
  meter_.Pause();
  SendAll(SaveCommand{Step(steps_done_ - 1), save_directory_});
}

void JobRunner::OnSaved(const std::vector<FileEntry>& files, absl::Time now) {
  save_files_.insert(save_files_.end(), files.begin(), files.end());
  if (!AllAnswered()) return;
  if (plan_.config.output.formats.empty()) return CommitSave(now);
  BeginExport();
}

void JobRunner::BeginExport() {
  phase_ = Phase::kExport;
  Send(Rank(0), ExportCommand{plan_.config_yaml, save_directory_,
                              FormatNames(plan_.config.output.formats),
                              ExportMetadata(plan_, *scan_, steps_done_)});
}

void JobRunner::CommitSave(absl::Time now) {
  absl::Status committed = CommitFiles(now);
  if (IsWaitedFor(committed)) {
    full_disk_ = committed;
    return WaitForRoom(RoomFor::kSave, now);
  }
  if (!committed.ok()) return Fail(Annotate(committed, "save"));
  FoundRoom();
  RemoveOldCheckpoints();
  if (steps_done_ >= LastStep()) return Complete(checkpoints_.back().directory);
  if (stop_ != StopKind::kNone) return FinishStopped("", now);
  host_->ChangeState(JobTrigger::kSaved, "", absl::OkStatus());
  phase_ = Phase::kStep;
  last_save_ = now;
  Advance(now);
}

absl::Status JobRunner::CommitFiles(absl::Time now) {
  CheckpointManifest manifest;
  manifest.step = steps_done_;
  manifest.config_digest = plan_.config_digest;
  manifest.data_digest = scan_->data_digest;
  manifest.data_cursor = steps_done_ * plan_.config.train.micro_batches;
  manifest.threads = static_cast<int>(plan_.config.pipeline.threads);
  manifest.split = static_cast<int>(split_);
  manifest.stages = world_;
  manifest.learning_rate_factor = learning_rate_factor_;
  manifest.validation = validated_;
  RecordTraining(&manifest);
  Checkpoint checkpoint;
  manifest.files = save_files_;
  for (const FileEntry& file : save_files_) checkpoint.bytes += file.bytes;
  if (listed_.has_value()) {
    HP_ASSIGN_OR_RETURN(FileEntry samples,
                        ledger_->WriteSamples(save_directory_, *listed_));
    checkpoint.bytes += samples.bytes;
    manifest.files.push_back(std::move(samples));
  }
  save_requested_ = false;
  HP_ASSIGN_OR_RETURN(
      checkpoint.directory,
      ledger_->Commit(plan_.config.output.dir, save_directory_, manifest));
  save_directory_.clear();
  checkpoint.steps_done = steps_done_;
  checkpoint.time = now;
  last_manifest_ = std::move(manifest);
  HP_RETURN_IF_ERROR(host_->CommitCheckpoint(checkpoint));
  saved_steps_ = steps_done_;
  rolled_back_to_.reset();
  save_soon_ = false;
  std::erase_if(checkpoints_, [&](const Checkpoint& old) {
    return old.steps_done >= checkpoint.steps_done;
  });
  checkpoints_.push_back(checkpoint);
  return absl::OkStatus();
}

void JobRunner::RemoveOldCheckpoints() {
  while (plan_.config.output.keep > 0 &&
         checkpoints_.size() > CheckpointsToKeep()) {
    const auto found =
        std::find_if(checkpoints_.begin(), checkpoints_.end() - 1,
                     [&](const Checkpoint& old) {
                       return !IsRollbackTarget(old) && !IsBest(old);
                     });
    if (found == checkpoints_.end() - 1) return;
    const Checkpoint oldest = *found;
    checkpoints_.erase(found);
    // Forgotten first: a crash between the two leaves a folder too many, not a
    // checkpoint that is not there.
    host_->ForgetCheckpoint(oldest);
    if (absl::Status status = ledger_->Remove(oldest.directory); !status.ok()) {
      Say(LogSeverity::kWarning, absl::StrCat("an old checkpoint stays: ",
                                              std::string(status.message())));
    }
  }
}

std::vector<std::string> JobRunner::MissingFormats() const {
  std::vector<std::string> missing;
  for (const std::string& format : FormatNames(plan_.config.output.formats)) {
    const std::string name = PublishedName(format);
    const bool is_there =
        std::any_of(last_manifest_.files.begin(), last_manifest_.files.end(),
                    [&](const FileEntry& file) { return file.name == name; });
    if (!is_there) missing.push_back(format);
  }
  return missing;
}

absl::Status JobRunner::TakeOver(const std::string& directory) {
  if (last_manifest_.config_digest == plan_.config_digest) {
    return absl::OkStatus();
  }
  last_manifest_.config_digest = plan_.config_digest;
  if (last_manifest_.has_record()) {
    last_manifest_.config = RecordedValues(plan_.config);
  }
  for (const std::string& format : AllFormatNames()) {
    std::erase_if(last_manifest_.files, [&](const FileEntry& file) {
      return file.name == PublishedName(format);
    });
  }
  return ledger_->Amend(directory, last_manifest_);
}

void JobRunner::OnFormatsAdded(const ExportResult& result) {
  last_manifest_.files.insert(last_manifest_.files.end(), result.files.begin(),
                              result.files.end());
  absl::Status amended = ledger_->Amend(resume_from_, last_manifest_);
  adding_formats_ = false;
  if (!amended.ok()) return Fail(Annotate(amended, "export"));
  Complete(resume_from_);
}

void JobRunner::Complete(const std::string& directory) {
  resume_from_ = directory;
  const absl::Status taken = TakeOver(directory);
  if (IsDiskFull(taken)) return HoldForRoom(RoomFor::kPublish, taken);
  if (!taken.ok()) return Fail(Annotate(taken, "export"));
  // output.formats may ask for more than it did when the checkpoint was made.
  if (const std::vector<std::string> missing = MissingFormats();
      !missing.empty()) {
    phase_ = Phase::kExport;
    adding_formats_ = true;
    return Send(Rank(0),
                ExportCommand{plan_.config_yaml, directory, missing,
                              ExportMetadata(plan_, *scan_, saved_steps_)});
  }
  absl::StatusOr<std::vector<std::string>> exports =
      ledger_->Publish(directory, plan_.config.output.dir,
                       FormatNames(plan_.config.output.formats));
  if (IsWaitedFor(exports.status())) {
    return HoldForRoom(RoomFor::kPublish, exports.status());
  }
  if (!exports.ok()) return Fail(Annotate(exports.status(), "publish"));
  FoundRoom();
  host_->SetExports(*exports);
  Finish(JobTrigger::kComplete, DoneText());
}

}  // namespace halfpipe
