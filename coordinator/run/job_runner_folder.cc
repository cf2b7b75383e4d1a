// The runner's look at its output folder and at what a checkpoint was trained
// on: it goes on where that is right, and says what is in the way where not.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/config/key_values.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/run/resume_check.h"

namespace halfpipe {

absl::Status JobRunner::TakeFolder(absl::Time now) {
  if (plan_.kind == JobKind::kPrepare) return absl::OkStatus();
  const std::string& folder = plan_.config.output.dir;
  if (plan_.kind == JobKind::kTrain) {
    HP_RETURN_IF_ERROR(Annotate(ledger_->Prepare(folder), "output.dir"));
  } else {
    HP_RETURN_IF_ERROR(Annotate(ledger_->CheckUsable(folder), "output.dir"));
  }
  const absl::StatusOr<OutputContents> contents = ledger_->Look(folder);
  if (!contents.ok()) return Annotate(contents.status(), "output.dir");
  const FolderJudgement found =
      JudgeFolder(*contents, plan_.config, &training_);
  if (!found.in_the_way.empty()) {
    if (!plan_.replace) return InTheWayError(folder, found);
    if (plan_.kind == JobKind::kTrain) {
      HP_RETURN_IF_ERROR(MakeWay(found.in_the_way, now));
    }
  }
  if (plan_.replace) ForgetWhatIsGone(found.own);
  for (const FoundCheckpoint& own : found.own) {
    if (own.manifest.ok()) newest_ = own;
    Adopt(own.checkpoint);
  }
  steps_before_ = found.steps_before;
  return absl::OkStatus();
}

void JobRunner::SayStepsChange(int64_t from) {
  const std::optional<int64_t> before = std::exchange(steps_before_, {});
  if (!before.has_value() || from == 0) return;
  const std::string notice = StepsNotice(plan_.config, *before, from);
  if (!notice.empty()) Say(LogSeverity::kWarning, notice);
}

void JobRunner::ForgetWhatIsGone(const std::vector<FoundCheckpoint>& there) {
  std::erase_if(checkpoints_, [&](const Checkpoint& known) {
    const bool is_there = std::any_of(
        there.begin(), there.end(), [&](const FoundCheckpoint& found) {
          return found.checkpoint.directory == known.directory;
        });
    if (!is_there) host_->ForgetCheckpoint(known);
    return !is_there;
  });
}

absl::Status JobRunner::MakeWay(const std::vector<std::string>& paths,
                                absl::Time now) {
  const absl::StatusOr<std::string> aside =
      ledger_->MoveAside(plan_.config.output.dir, paths, now);
  if (!aside.ok()) return Annotate(aside.status(), "output.dir");
  Say(LogSeverity::kWarning,
      absl::StrCat(paths.size(), " checkpoints and LoRA files of another job ",
                   "are kept in ", *aside));
  return absl::OkStatus();
}

void JobRunner::Adopt(const Checkpoint& checkpoint) {
  const auto place = std::find_if(
      checkpoints_.begin(), checkpoints_.end(), [&](const Checkpoint& known) {
        return known.steps_done >= checkpoint.steps_done;
      });
  if (place != checkpoints_.end() &&
      place->steps_done == checkpoint.steps_done) {
    // As the book has it, unless the folder was moved.
    if (place->directory == checkpoint.directory) return;
    *place = checkpoint;
  } else {
    checkpoints_.insert(place, checkpoint);
  }
  if (plan_.kind == JobKind::kTrain) host_->AdoptCheckpoint(checkpoint);
}

absl::Status JobRunner::CheckContent(absl::Time now) {
  if (!newest_.has_value()) return absl::OkStatus();
  const std::string& directory = newest_->checkpoint.directory;
  const CheckpointManifest& manifest = *newest_->manifest;
  if (absl::Status same = CheckWeights(manifest, *scan_, directory);
      !same.ok()) {
    return plan_.replace ? BeginAnew(now) : same;
  }
  int64_t whole = 0;
  if (plan_.kind == JobKind::kCheck) {
    HP_ASSIGN_OR_RETURN(whole, FindWhole());
  }
  const StageInfo* const stage =
      plan_.kind == JobKind::kCheck ? nullptr : &*stages_[0].info;
  for (const std::string& notice :
       ResumeNotices(manifest, stage, plan_.config, directory)) {
    Say(LogSeverity::kWarning, notice);
  }
  HP_ASSIGN_OR_RETURN(const std::string other, WhatDiffersInData());
  if (other.empty()) {
    // A run says it once it has chosen its checkpoint.
    if (plan_.kind == JobKind::kCheck) SayStepsChange(whole);
    return absl::OkStatus();
  }
  return plan_.replace ? BeginAnew(now) : OtherDataError(directory, other);
}

absl::StatusOr<std::string> JobRunner::WhatDiffersInData() {
  const std::string& directory = newest_->checkpoint.directory;
  if (!plan_.config.data.is_random()) {
    absl::StatusOr<SampleList> listed = ledger_->ReadSamples(directory);
    // Without a list, or with a damaged one, the digest decides.
    if (listed.ok()) recorded_ = *std::move(listed);
  }
  if (plan_.accept_data) return "";
  if (recorded_.has_value()) {
    const SampleChanges changes =
        ChangesBeforeEncoding(*recorded_, *scan_, plan_.config.data);
    if (!changes.none()) return ChangesText(changes);
  }
  // What may yet be left out is known when it is encoded (ChooseCheckpoint).
  const bool may_drop =
      std::any_of(scan_->samples.begin(), scan_->samples.end(),
                  [](const SampleRef& sample) { return !sample.cached; });
  if (may_drop && plan_.config.data.on_bad_file == BadFilePolicy::kSkip) {
    return "";
  }
  ScanResult foreseen = *scan_;
  if (recorded_.has_value()) {
    const auto order = OrderOf(*recorded_, ListOwnSamples());
    if (order.has_value()) TakeOrder(*recorded_, *order, &foreseen);
  }
  HP_ASSIGN_OR_RETURN(const std::string digest,
                      TrainingDigest(plan_.config.validation, foreseen));
  if (digest == newest_->manifest->data_digest) return "";
  return OtherDigestText(plan_.config.data, recorded_, foreseen.data_digest);
}

absl::Status JobRunner::BeginAnew(absl::Time now) {
  newest_.reset();
  recorded_.reset();
  if (plan_.kind == JobKind::kTrain) {
    HP_ASSIGN_OR_RETURN(const OutputContents contents,
                        ledger_->Look(plan_.config.output.dir));
    std::vector<std::string> paths;
    for (const FoundCheckpoint& found : contents.checkpoints) {
      paths.push_back(found.checkpoint.directory);
    }
    for (const FoundLora& lora : contents.loras) paths.push_back(lora.path);
    HP_RETURN_IF_ERROR(MakeWay(paths, now));
    ForgetHeld();
    ForgetWhatIsGone({});
  }
  checkpoints_.clear();
  return absl::OkStatus();
}

SampleList JobRunner::ListOwnSamples() const {
  return ListSamples(plan_.config.data.path, scan_->data_digest,
                     scan_->samples);
}

absl::Status JobRunner::TakeRecordedOrder() {
  if (plan_.config.data.is_random() || listed_.has_value()) {
    return absl::OkStatus();
  }
  listed_ = ListOwnSamples();
  if (!recorded_.has_value()) return absl::OkStatus();
  const std::optional<std::vector<size_t>> order =
      OrderOf(*recorded_, *listed_);
  if (!order.has_value()) {
    const std::string what = ChangesText(CompareSamples(*recorded_, *listed_));
    absl::Status other = OtherDataError(newest_->checkpoint.directory, what);
    if (!plan_.accept_data) return other;
    Say(LogSeverity::kWarning,
        absl::StrCat("the job goes on with other data: ", what));
    return absl::OkStatus();
  }
  TakeOrder(*recorded_, *order, &*scan_);
  listed_ = ListOwnSamples();
  return absl::OkStatus();
}

absl::Status JobRunner::CheckData(const CheckpointManifest& manifest,
                                  const std::string& directory) {
  if (manifest.data_digest == scan_->data_digest) return absl::OkStatus();
  const std::string what = OtherDigestText(
      plan_.config.data, recorded_,
      listed_.has_value() ? listed_->digest : scan_->data_digest);
  if (!plan_.accept_data) return OtherDataError(directory, what);
  Say(LogSeverity::kWarning,
      absl::StrCat("the data set is not the one that ", directory,
                   " was trained on (", what,
                   "): the order of the samples changes"));
  return absl::OkStatus();
}

void JobRunner::RecordTraining(CheckpointManifest* manifest) const {
  manifest->config = RecordedValues(plan_.config);
  manifest->model_digest = scan_->model_digest;
  manifest->init_digest = scan_->init_digest;
  manifest->device = DeviceKind(*stages_[0].info);
  manifest->arithmetic = stages_[0].info->arithmetic;
}

}  // namespace halfpipe
