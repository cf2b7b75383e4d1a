#include "coordinator/run/save_loop.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/config/key_values.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/run/resume_check.h"

namespace halfpipe {

bool SaveLoop::IsDue(int64_t steps_done, absl::Time now) const {
  if (steps_done == from_.checkpoints->saved_steps()) return false;
  if (requested_ || soon_) return true;
  if (steps_done == from_.validations->LastStep()) return true;
  const SaveInterval& every = run_->plan.config.output.save_every;
  if (every.steps > 0) return steps_done % every.steps == 0;
  return every.seconds > 0 && now - last_save_ >= absl::Seconds(every.seconds);
}

absl::Status SaveLoop::Begin(int64_t steps_done) {
  HP_ASSIGN_OR_RETURN(
      directory_,
      run_->ledger->Begin(run_->plan.config.output.dir, steps_done));
  files_.clear();
  run_->stages.SendAll(SaveCommand{Step(steps_done - 1), directory_});
  return absl::OkStatus();
}

void SaveLoop::OnFiles(const std::vector<FileEntry>& files) {
  files_.insert(files_.end(), files.begin(), files.end());
}

bool SaveLoop::Export(int64_t steps_done) {
  const JobPlan& plan = run_->plan;
  if (plan.config.output.formats.empty()) return false;
  run_->stages.Send(
      Rank(0),
      ExportCommand{plan.config_yaml, directory_,
                    FormatNames(plan.config.output.formats),
                    ExportMetadata(plan, from_.data->scan(), steps_done)});
  return true;
}

CheckpointManifest SaveLoop::MakeManifest(int64_t steps_done) const {
  const JobConfig& config = run_->plan.config;
  const ScanResult& scan = from_.data->scan();
  const StageInfo& first = *run_->stages.info(Rank(0));
  CheckpointManifest manifest;
  manifest.step = steps_done;
  manifest.config_digest = run_->plan.config_digest;
  manifest.data_digest = scan.data_digest;
  manifest.data_cursor = steps_done * config.train.micro_batches;
  manifest.threads = static_cast<int>(config.pipeline.threads);
  manifest.split = static_cast<int>(from_.start->split());
  manifest.stages = run_->stages.world();
  manifest.learning_rate_factor = from_.nonfinite->factor();
  manifest.validation = from_.validations->record();
  manifest.config = RecordedValues(config);
  manifest.model_digest = scan.model_digest;
  manifest.init_digest = scan.init_digest;
  manifest.device = DeviceKind(first);
  manifest.arithmetic = first.arithmetic;
  manifest.files = files_;
  return manifest;
}

absl::Status SaveLoop::Commit(int64_t steps_done, const MeanState& loss_average,
                              absl::Time now) {
  CheckpointManifest manifest = MakeManifest(steps_done);
  manifest.loss_average = loss_average;
  Checkpoint checkpoint;
  for (const FileEntry& file : files_) checkpoint.bytes += file.bytes;
  if (const auto& listed = from_.data->listed(); listed.has_value()) {
    HP_ASSIGN_OR_RETURN(FileEntry samples,
                        run_->ledger->WriteSamples(directory_, *listed));
    checkpoint.bytes += samples.bytes;
    manifest.files.push_back(std::move(samples));
  }
  requested_ = false;
  HP_ASSIGN_OR_RETURN(
      checkpoint.directory,
      run_->ledger->Commit(run_->plan.config.output.dir, directory_, manifest));
  directory_.clear();
  checkpoint.steps_done = steps_done;
  checkpoint.time = now;
  HP_RETURN_IF_ERROR(
      from_.checkpoints->Commit(checkpoint, std::move(manifest)));
  from_.nonfinite->OnCommit();
  soon_ = false;
  return absl::OkStatus();
}

void SaveLoop::RemoveOld() {
  while (run_->plan.config.output.keep > 0) {
    const std::vector<Checkpoint>& all = from_.checkpoints->all();
    if (all.size() <= from_.validations->CheckpointsToKeep(all)) return;
    const auto found =
        std::find_if(all.begin(), all.end() - 1, [&](const Checkpoint& old) {
          return !from_.nonfinite->IsTarget(old, all) &&
                 !from_.validations->IsBest(old);
        });
    if (found == all.end() - 1) return;
    from_.checkpoints->Remove(*found);
  }
}

void SaveLoop::Discard() {
  if (directory_.empty()) return;
  run_->ledger->Discard(std::exchange(directory_, ""));
}

}  // namespace halfpipe
