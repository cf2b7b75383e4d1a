#include "coordinator/run/data_preparation.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/run/resume_check.h"

namespace halfpipe {
namespace {

// Of a stage that goes through its share of the samples.
bool CountsSamples(const StageProgress& progress) {
  return progress.work == StageWork::kEncodingClips ||
         progress.work == StageWork::kLookingAtClips;
}

}  // namespace

DataPreparation::DataPreparation(RunContext* run, TrainingData* data,
                                 FoundTraining* found, Recovery* recovery)
    : run_(run),
      data_(data),
      found_(found),
      recovery_(recovery),
      samples_encoded_(static_cast<size_t>(run->stages.world())) {}

void DataPreparation::Scan() {
  run_->stages.Send(Rank(0), ScanCommand{run_->plan.config_yaml});
}

NextMove DataPreparation::OnScanned(const ScanResult& result, absl::Time now) {
  const JobPlan& plan = run_->plan;
  const bool first = !data_->has_scan();
  data_->SetScan(result);
  if (!result.problems.ok()) return LookBesideProblems();
  if (first) {
    for (const std::string& warning : result.warnings) {
      run_->Log(LogSeverity::kWarning, warning);
    }
    run_->Log(
        LogSeverity::kInfo,
        absl::StrCat("model ", result.variant, " with ", result.model.layers,
                     " blocks, ", result.lora_parameters, " LoRA parameters; ",
                     result.samples.size(), " samples, ", data_->CountCached(),
                     " cached"));
  }
  if (result.samples.empty()) {
    return NextMove::Fail(absl::InvalidArgumentError(
        absl::StrCat(plan.config.data.path, ": the data set has no samples")));
  }
  data_->ForgetList();
  if (plan.kind != JobKind::kPrepare) {
    const absl::Status split =
        TrainingDigest(plan.config.validation, data_->scan()).status();
    if (!split.ok()) return NextMove::Fail(split);
  }
  if (absl::Status same = found_->CheckContent(now); !same.ok()) {
    return NextMove::Fail(same);
  }
  recovery_->OnProgress(data_->CountCached());
  if (plan.kind == JobKind::kCheck && plan.quick) {
    return NextMove::To(Move::kComplete,
                        "no problems found; no clip was decoded (--quick)");
  }
  // What lies in the cache was decoded with these settings from these bytes.
  return NextMove::To(Move::kEncode);
}

bool DataPreparation::Inspects() const {
  return run_->plan.kind == JobKind::kCheck || !data_->scan().problems.ok();
}

NextMove DataPreparation::LookBesideProblems() const {
  const std::vector<std::string> lines =
      absl::StrSplit(data_->scan().problems.message(), '\n');
  if (run_->plan.quick || data_->scan().samples.empty()) {
    return NextMove::Fail(data_->FoundProblems());
  }
  // Who knows enough by that need not wait for the rest.
  run_->Log(
      LogSeverity::kWarning,
      absl::StrCat("the job cannot run: ", lines.front(),
                   lines.size() == 1
                       ? ""
                       : absl::StrCat(" (and ", lines.size() - 1, " more)"),
                   ". Its clips are looked at too, so that all is named at "
                   "once"));
  return NextMove::To(Move::kEncode);
}

NextMove DataPreparation::Encode() {
  const bool inspect = Inspects();
  rejected_.clear();
  rejected_paths_.clear();
  short_clips_.clear();
  const int32_t world = run_->stages.world();
  const auto shares = SplitUncached(data_->scan().samples, world);
  for (int32_t rank = 0; rank < world; ++rank) {
    const auto& share = shares[static_cast<size_t>(rank)];
    samples_encoded_[static_cast<size_t>(rank)] = 0;
    if (share.empty()) continue;
    run_->stages.Send(Rank(rank),
                      EncodeCommand{run_->plan.config_yaml, share, inspect});
  }
  if (run_->stages.AllAnswered()) return OnEncoded({});
  EmitProgress(inspect ? "looking at clips" : "encoding");
  return NextMove::Wait();
}

void DataPreparation::OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat) {
  const StageProgress& progress = heartbeat.progress;
  int64_t& encoded = samples_encoded_[static_cast<size_t>(rank.value())];
  if (!CountsSamples(progress) || progress.done == encoded) return;
  encoded = progress.done;
  EmitProgress(ProgressText(progress));
}

void DataPreparation::EmitProgress(const std::string& activity) const {
  const auto total = static_cast<int64_t>(data_->scan().samples.size());
  const int64_t done = std::accumulate(
      samples_encoded_.begin(), samples_encoded_.end(), data_->CountCached());
  run_->host->Emit(EncodingProgress{
      std::min(done, total), total, activity,
      Inspects() ? StageWork::kLookingAtClips : StageWork::kEncodingClips});
}

NextMove DataPreparation::OnEncoded(const EncodeResult& result) {
  rejected_.insert(rejected_.end(), result.rejected.begin(),
                   result.rejected.end());
  rejected_paths_.insert(result.rejected_paths.begin(),
                         result.rejected_paths.end());
  short_clips_.insert(short_clips_.end(), result.short_clips.begin(),
                      result.short_clips.end());
  if (!run_->stages.AllAnswered()) return NextMove::Wait();
  WarnOfShortClips();
  if (absl::Status usable = DropRejected(); !usable.ok()) {
    return NextMove::Fail(usable);
  }
  if (Inspects()) return AfterInspection();
  data_->MarkEncoded();
  std::fill(samples_encoded_.begin(), samples_encoded_.end(), 0);
  recovery_->room().OnRoom();
  recovery_->OnProgress(data_->CountCached());
  EmitProgress("encoded");
  if (run_->plan.kind == JobKind::kPrepare) {
    return NextMove::To(Move::kComplete,
                        absl::StrCat(data_->scan().samples.size(),
                                     " samples are in the cache"));
  }
  return NextMove::To(Move::kLoad);
}

absl::Status DataPreparation::DropRejected() {
  // What the scan said of a file is not said again.
  const std::set<std::string> said = data_->ProblemLines();
  std::erase_if(rejected_, [&said](const std::string& line) {
    return said.contains(line);
  });
  if (rejected_.empty()) return absl::OkStatus();
  std::sort(rejected_.begin(), rejected_.end());
  const std::string list = absl::StrCat(
      rejected_.size(), " of ", data_->scan().samples.size(),
      " samples cannot be used; mend them or take them out of the data set:\n",
      absl::StrJoin(rejected_, "\n"));
  if (run_->plan.config.data.on_bad_file == BadFilePolicy::kStop) {
    return absl::InvalidArgumentError(list);
  }
  // They would be skipped, and the job does not run.
  if (!data_->scan().problems.ok()) return absl::OkStatus();
  HP_RETURN_IF_ERROR(data_->LeaveOut(rejected_paths_, list));
  run_->Log(LogSeverity::kWarning,
            absl::StrCat("data.on_bad_file is skip, so the job goes on without "
                         "them: ",
                         list));
  return absl::OkStatus();
}

NextMove DataPreparation::AfterInspection() const {
  if (!data_->scan().problems.ok()) {
    return NextMove::Fail(data_->FoundProblems());
  }
  const auto size = static_cast<int64_t>(data_->scan().samples.size());
  // As of one whose samples were all looked at.
  run_->host->Emit(EncodingProgress{size, size, "looked at clips",
                                    StageWork::kLookingAtClips});
  const int64_t cached = data_->CountCached();
  return NextMove::To(
      Move::kComplete,
      cached == 0
          ? "no problems found"
          : absl::StrCat("no problems found; ", cached, " of ", size,
                         " samples are in the cache and were not decoded"));
}

void DataPreparation::WarnOfShortClips() const {
  if (short_clips_.empty()) return;
  const auto shortest =
      std::min_element(short_clips_.begin(), short_clips_.end(),
                       [](const ShortClip& a, const ShortClip& b) {
                         return std::pair(a.frames, a.media_path) <
                                std::pair(b.frames, b.media_path);
                       });
  run_->Log(
      LogSeverity::kWarning,
      absl::StrCat(short_clips_.size(), " of ", data_->scan().samples.size(),
                   " samples give fewer frames than data.frames (",
                   run_->plan.config.data.frames, "): the shortest, ",
                   shortest->media_path, ", gives ", shortest->frames));
}

}  // namespace halfpipe
