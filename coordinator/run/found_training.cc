#include "coordinator/run/found_training.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/run/resume_check.h"

namespace halfpipe {

absl::Status FoundTraining::TakeFolder(absl::Time now) {
  HP_RETURN_IF_ERROR(JudgeAndAdopt(now));
  has_folder_ = true;
  return absl::OkStatus();
}

absl::Status FoundTraining::JudgeAndAdopt(absl::Time now) {
  const JobPlan& plan = run_->plan;
  if (plan.kind == JobKind::kPrepare) return absl::OkStatus();
  const std::string& folder = plan.config.output.dir;
  if (plan.kind == JobKind::kTrain) {
    HP_RETURN_IF_ERROR(Annotate(run_->ledger->Prepare(folder), "output.dir"));
  } else {
    HP_RETURN_IF_ERROR(
        Annotate(run_->ledger->CheckUsable(folder), "output.dir"));
  }
  const absl::StatusOr<OutputContents> contents = run_->ledger->Look(folder);
  if (!contents.ok()) return Annotate(contents.status(), "output.dir");
  const FolderJudgement found =
      JudgeFolder(*contents, plan.config, checkpoints_->training());
  if (!found.in_the_way.empty()) {
    if (!plan.replace) return InTheWayError(folder, found);
    if (plan.kind == JobKind::kTrain) {
      HP_RETURN_IF_ERROR(MakeWay(
          found.in_the_way,
          found.own.empty() ? contents->curves : std::vector<std::string>(),
          now));
    }
  }
  if (plan.replace) checkpoints_->ForgetWhatIsGone(found.own);
  for (const FoundCheckpoint& own : found.own) {
    if (own.manifest.ok()) newest_ = own;
    checkpoints_->Adopt(own.checkpoint);
  }
  steps_before_ = found.steps_before;
  return absl::OkStatus();
}

void FoundTraining::LogStepsChange(int64_t from) {
  const std::optional<int64_t> before = std::exchange(steps_before_, {});
  if (!before.has_value() || from == 0) return;
  const std::string notice = StepsNotice(run_->plan.config, *before, from);
  if (!notice.empty()) run_->Log(LogSeverity::kWarning, notice);
}

absl::Status FoundTraining::MakeWay(std::vector<std::string> paths,
                                    const std::vector<std::string>& curves,
                                    absl::Time now) {
  const size_t count = paths.size();
  paths.insert(paths.end(), curves.begin(), curves.end());
  const absl::StatusOr<std::string> aside =
      run_->ledger->MoveAside(run_->plan.config.output.dir, paths, now);
  if (!aside.ok()) return Annotate(aside.status(), "output.dir");
  run_->Log(LogSeverity::kWarning,
            absl::StrCat(count, " checkpoints and LoRA files of another job ",
                         "are kept in ", *aside));
  return absl::OkStatus();
}

absl::Status FoundTraining::CheckContent(absl::Time now) {
  if (!newest_.has_value()) return absl::OkStatus();
  const JobPlan& plan = run_->plan;
  const std::string directory = newest_->checkpoint.directory;
  const CheckpointManifest& manifest = *newest_->manifest;
  if (absl::Status same = CheckWeights(manifest, data_->scan(), directory);
      !same.ok()) {
    return plan.replace ? BeginAnew(now) : same;
  }
  const bool is_check = plan.kind == JobKind::kCheck;
  int64_t whole = 0;
  if (is_check) {
    HP_ASSIGN_OR_RETURN(whole, checkpoints_->FindWhole());
  }
  const StageInfo* const stage =
      is_check ? nullptr : run_->stages.info(Rank(0));
  for (const std::string& notice :
       ResumeNotices(manifest, stage, plan.config, directory)) {
    run_->Log(LogSeverity::kWarning, notice);
  }
  if (!plan.config.data.is_random()) {
    absl::StatusOr<SampleList> listed = run_->ledger->ReadSamples(directory);
    // Without a list, or with a damaged one, the digest decides.
    if (listed.ok()) data_->SetRecorded(*std::move(listed));
  }
  HP_ASSIGN_OR_RETURN(const std::string other,
                      data_->WhatDiffers(manifest.data_digest));
  if (other.empty()) {
    // A run says it once it has chosen its checkpoint.
    if (is_check) LogStepsChange(whole);
    return absl::OkStatus();
  }
  return plan.replace ? BeginAnew(now) : OtherDataError(directory, other);
}

absl::Status FoundTraining::BeginAnew(absl::Time now) {
  newest_.reset();
  data_->SetRecorded(std::nullopt);
  if (run_->plan.kind == JobKind::kTrain) {
    HP_ASSIGN_OR_RETURN(const OutputContents contents,
                        run_->ledger->Look(run_->plan.config.output.dir));
    std::vector<std::string> paths;
    for (const FoundCheckpoint& found : contents.checkpoints) {
      paths.push_back(found.checkpoint.directory);
    }
    for (const FoundLora& lora : contents.loras) paths.push_back(lora.path);
    HP_RETURN_IF_ERROR(MakeWay(std::move(paths), contents.curves, now));
    run_->stages.ForgetHeld();
    checkpoints_->ForgetWhatIsGone({});
  }
  checkpoints_->Clear();
  return absl::OkStatus();
}

}  // namespace halfpipe
