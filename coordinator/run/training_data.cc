#include "coordinator/run/training_data.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/digest.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "coordinator/run/resume_check.h"
#include "coordinator/run/validation.h"

namespace halfpipe {

int64_t TrainingData::CountCached() const {
  return std::count_if(scan_->samples.begin(), scan_->samples.end(),
                       [](const SampleRef& sample) { return sample.cached; });
}

void TrainingData::MarkEncoded() {
  for (SampleRef& sample : scan_->samples) sample.cached = true;
  encoded_ = true;
}

absl::Status TrainingData::FoundProblems() const {
  return Annotate(Described(scan_->problems, 0), "stage 0, scan");
}

std::set<std::string> TrainingData::ProblemLines() const {
  std::set<std::string> lines;
  for (const absl::Status& problems : {scan_->problems, FoundProblems()}) {
    for (const absl::string_view line :
         absl::StrSplit(problems.message(), '\n')) {
      lines.emplace(line);
    }
  }
  return lines;
}

absl::Status TrainingData::BehindProblems(const absl::Status& error) const {
  if (error.ok() || !scan_.has_value() || scan_->problems.ok()) return error;
  const absl::Status problems = FoundProblems();
  std::set<std::string> said = ProblemLines();
  std::string lines(problems.message());
  for (const absl::string_view line : absl::StrSplit(error.message(), '\n')) {
    if (line.empty() || !said.emplace(line).second) continue;
    absl::StrAppend(&lines, "\n", line);
  }
  absl::Status all(problems.code(), lines);
  SetFailure(DescribeFailure(problems), &all);
  return all;
}

absl::Status TrainingData::LeaveOut(const std::set<std::string>& latents,
                                    const std::string& list) {
  std::vector<SampleRef> kept;
  Sha256 digest;
  digest.Update(scan_->data_digest);
  for (size_t i = 0; i < scan_->samples.size(); ++i) {
    if (latents.contains(scan_->samples[i].latents_path)) {
      digest.Update(absl::StrCat(" without ", i));
    } else {
      kept.push_back(scan_->samples[i]);
    }
  }
  if (kept.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no sample of the data set can be used: ", list));
  }
  // What is left is another data set: its order and its checkpoints are.
  scan_->data_digest = digest.HexDigest();
  scan_->samples = std::move(kept);
  return absl::OkStatus();
}

void TrainingData::SetRecorded(std::optional<SampleList> samples) {
  recorded_ = std::move(samples);
}

absl::StatusOr<std::string> TrainingData::WhatDiffers(
    const std::string& digest) const {
  const JobConfig& config = run_->plan.config;
  if (run_->plan.accept_data) return "";
  if (recorded_.has_value()) {
    const SampleChanges changes =
        ChangesBeforeEncoding(*recorded_, *scan_, config.data);
    if (!changes.none()) return ChangesText(changes);
  }
  // What may yet be left out is known when it is encoded (CheckDigest).
  const bool may_drop =
      std::any_of(scan_->samples.begin(), scan_->samples.end(),
                  [](const SampleRef& sample) { return !sample.cached; });
  if (may_drop && config.data.on_bad_file == BadFilePolicy::kSkip) return "";
  ScanResult foreseen = *scan_;
  if (recorded_.has_value()) {
    const auto order = OrderOf(*recorded_, ListOwnSamples());
    if (order.has_value()) TakeOrder(*recorded_, *order, &foreseen);
  }
  HP_ASSIGN_OR_RETURN(const std::string own,
                      TrainingDigest(config.validation, foreseen));
  if (own == digest) return "";
  return OtherDigestText(config.data, recorded_, foreseen.data_digest);
}

SampleList TrainingData::ListOwnSamples() const {
  return ListSamples(run_->plan.config.data.path, scan_->data_digest,
                     scan_->samples);
}

absl::Status TrainingData::TakeRecordedOrder(const std::string& directory) {
  if (run_->plan.config.data.is_random() || listed_.has_value()) {
    return absl::OkStatus();
  }
  listed_ = ListOwnSamples();
  if (!recorded_.has_value()) return absl::OkStatus();
  const std::optional<std::vector<size_t>> order =
      OrderOf(*recorded_, *listed_);
  if (!order.has_value()) {
    const std::string what = ChangesText(CompareSamples(*recorded_, *listed_));
    absl::Status other = OtherDataError(directory, what);
    if (!run_->plan.accept_data) return other;
    run_->Log(LogSeverity::kWarning,
              absl::StrCat("the job goes on with other data: ", what));
    return absl::OkStatus();
  }
  TakeOrder(*recorded_, *order, &*scan_);
  listed_ = ListOwnSamples();
  return absl::OkStatus();
}

absl::Status TrainingData::CheckDigest(const CheckpointManifest& manifest,
                                       const std::string& directory) const {
  if (manifest.data_digest == scan_->data_digest) return absl::OkStatus();
  const std::string what = OtherDigestText(
      run_->plan.config.data, recorded_,
      listed_.has_value() ? listed_->digest : scan_->data_digest);
  if (!run_->plan.accept_data) return OtherDataError(directory, what);
  run_->Log(LogSeverity::kWarning,
            absl::StrCat("the data set is not the one that ", directory,
                         " was trained on (", what,
                         "): the order of the samples changes"));
  return absl::OkStatus();
}

absl::Status TrainingData::HoldOutSamples() {
  const ValidationConfig& config = run_->plan.config.validation;
  if (!config.is_on() || !held_out_.empty()) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(HeldOutSplit split, HoldOut(config, *scan_));
  run_->Log(LogSeverity::kInfo,
            absl::StrCat(scan_->samples.size() - split.training.size(), " of ",
                         scan_->samples.size(),
                         " samples are held out for the validation"));
  scan_->samples = std::move(split.training);
  scan_->data_digest = std::move(split.data_digest);
  held_out_ = std::move(split.held_out);
  return absl::OkStatus();
}

}  // namespace halfpipe
