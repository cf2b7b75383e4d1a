// The runner's way from the scan to the loaded model.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/digest.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "coordinator/run/job_memory.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/run/resume_check.h"

namespace halfpipe {
namespace {

// Of a stage that goes through its share of the samples.
bool CountsSamples(const StageProgress& progress) {
  return progress.work == StageWork::kEncodingClips ||
         progress.work == StageWork::kLookingAtClips;
}

int64_t CountCached(const std::vector<SampleRef>& samples) {
  return std::count_if(samples.begin(), samples.end(),
                       [](const SampleRef& sample) { return sample.cached; });
}

}  // namespace

void JobRunner::BeginScan() {
  phase_ = Phase::kScan;
  Send(Rank(0), ScanCommand{plan_.config_yaml});
}

void JobRunner::OnScanned(const ScanResult& result, absl::Time now) {
  const bool first = !scan_.has_value();
  scan_ = result;
  if (!scan_->problems.ok()) return LookBesideProblems();
  if (first) {
    for (const std::string& warning : result.warnings) {
      Say(LogSeverity::kWarning, warning);
    }
    Say(LogSeverity::kInfo,
        absl::StrCat("model ", result.variant, " with ", result.model.layers,
                     " blocks, ", result.lora_parameters, " LoRA parameters; ",
                     result.samples.size(), " samples, ",
                     CountCached(result.samples), " cached"));
  }
  if (result.samples.empty()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(plan_.config.data.path, ": the data set has no samples")));
  }
  listed_.reset();
  if (plan_.kind != JobKind::kPrepare) {
    const absl::Status split =
        TrainingDigest(plan_.config.validation, *scan_).status();
    if (!split.ok()) return Fail(split);
  }
  if (absl::Status same = CheckContent(now); !same.ok()) return Fail(same);
  restarts_.OnProgress(CountCached(result.samples));
  if (plan_.kind == JobKind::kCheck) return BeginInspect();
  BeginEncode();
}

void JobRunner::BeginEncode() {
  const bool inspect = Inspects();
  phase_ = Phase::kEncode;
  rejected_.clear();
  rejected_paths_.clear();
  short_clips_.clear();
  const auto shares = SplitUncached(scan_->samples, world_);
  for (int32_t rank = 0; rank < world_; ++rank) {
    const auto& share = shares[static_cast<size_t>(rank)];
    stages_[static_cast<size_t>(rank)].samples_encoded = 0;
    if (share.empty()) continue;
    Send(Rank(rank), EncodeCommand{plan_.config_yaml, share, inspect});
  }
  if (AllAnswered()) return OnEncoded({});
  EmitEncoding(inspect ? "looking at clips" : "encoding");
}

void JobRunner::OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat,
                            absl::Time now) {
  if (finished() || rank.value() >= world_) return;
  Stage& stage = stages_[static_cast<size_t>(rank.value())];
  stage.device_total_bytes = heartbeat.device_total_bytes;
  if (stage.info.has_value()) TakeFreeMemory(heartbeat, &*stage.info);
  WatchProgress(rank, heartbeat, now);
  if (phase_ != Phase::kEncode || heartbeat.epoch != epoch_) return;
  const StageProgress& progress = heartbeat.progress;
  if (!CountsSamples(progress) || progress.done == stage.samples_encoded) {
    return;
  }
  stage.samples_encoded = progress.done;
  EmitEncoding(ProgressText(progress));
}

void JobRunner::EmitEncoding(const std::string& activity) {
  const auto total = static_cast<int64_t>(scan_->samples.size());
  int64_t done = CountCached(scan_->samples);
  for (const Stage& stage : stages_) done += stage.samples_encoded;
  host_->Emit(EncodingProgress{
      std::min(done, total), total, activity,
      Inspects() ? StageWork::kLookingAtClips : StageWork::kEncodingClips});
}

void JobRunner::OnEncoded(const EncodeResult& result) {
  rejected_.insert(rejected_.end(), result.rejected.begin(),
                   result.rejected.end());
  rejected_paths_.insert(result.rejected_paths.begin(),
                         result.rejected_paths.end());
  short_clips_.insert(short_clips_.end(), result.short_clips.begin(),
                      result.short_clips.end());
  if (!AllAnswered()) return;
  WarnOfShortClips();
  if (absl::Status usable = DropRejected(); !usable.ok()) return Fail(usable);
  if (Inspects()) return OnInspected();
  for (SampleRef& sample : scan_->samples) sample.cached = true;
  for (Stage& stage : stages_) stage.samples_encoded = 0;
  encoded_ = true;
  FoundRoom();
  restarts_.OnProgress(CountCached(scan_->samples));
  EmitEncoding("encoded");
  if (plan_.kind == JobKind::kPrepare) {
    return Finish(
        JobTrigger::kComplete,
        absl::StrCat(scan_->samples.size(), " samples are in the cache"));
  }
  BeginStart();
}

absl::Status JobRunner::DropRejected() {
  // What the scan said of a file is not said again.
  const std::set<std::string> said = ProblemLines();
  std::erase_if(rejected_, [&said](const std::string& line) {
    return said.contains(line);
  });
  if (rejected_.empty()) return absl::OkStatus();
  std::sort(rejected_.begin(), rejected_.end());
  const std::string list = absl::StrCat(
      rejected_.size(), " of ", scan_->samples.size(),
      " samples cannot be used; mend them or take them out of the data set:\n",
      absl::StrJoin(rejected_, "\n"));
  if (plan_.config.data.on_bad_file == BadFilePolicy::kStop) {
    return absl::InvalidArgumentError(list);
  }
  // They would be skipped, and the job does not run.
  if (!scan_->problems.ok()) return absl::OkStatus();
  std::vector<SampleRef> kept;
  Sha256 digest;
  digest.Update(scan_->data_digest);
  for (size_t i = 0; i < scan_->samples.size(); ++i) {
    if (rejected_paths_.contains(scan_->samples[i].latents_path)) {
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
  Say(LogSeverity::kWarning,
      absl::StrCat("data.on_bad_file is skip, so the job goes on without "
                   "them: ",
                   list));
  return absl::OkStatus();
}

void JobRunner::BeginStart() {
  if (absl::Status order = TakeRecordedOrder(); !order.ok()) return Fail(order);
  if (absl::Status split = HoldOutSamples(); !split.ok()) return Fail(split);
  const ValidationRecord known = validated_;
  absl::Status chosen = ChooseCheckpoint();
  if (!chosen.ok()) return Fail(chosen);
  if (saved_steps_ >= LastStep()) return Complete(resume_from_);
  SayStepsChange(saved_steps_);
  continue_at_ = StepsHeld();
  ChooseRecord(known);
  phase_ = Phase::kOpenLink;
  if (world_ == 1) return OnLinkOpen("");
  std::vector<StageInfo> stages;
  for (const Stage& stage : stages_) stages.push_back(*stage.info);
  absl::StatusOr<std::string> kind = LinkKindOf(stages);
  if (!kind.ok()) return Fail(kind.status());
  Send(Rank(0), OpenLinkCommand{*kind});
}

void JobRunner::OnLinkOpen(const std::string& rendezvous) {
  phase_ = Phase::kStart;
  absl::StatusOr<StartCommand> start = MakeStart(rendezvous);
  if (!start.ok()) return Fail(start.status());
  watch_.OnSchedule(schedule_.hash);
  started_ = *start;
  SendAll(*start);
}

absl::StatusOr<StartCommand> JobRunner::MakeStart(
    const std::string& rendezvous) {
  std::vector<StageInfo> infos;
  infos.reserve(static_cast<size_t>(world_));
  for (int32_t rank = 0; rank < world_; ++rank) {
    infos.push_back(*stages_[static_cast<size_t>(rank)].info);
  }
  if (continue_at_ > 0) return MakeContinuation(rendezvous, infos);
  absl::StatusOr<JobMemory> made =
      PlanJobMemory(plan_.config, *scan_, infos, pin_limits_);
  if (!made.ok() && !refused_.empty()) {
    Failure failure = DescribeFailure(made.status());
    // Another pair would be tried for what this host alone refuses.
    failure.remedy = Remedy::kEndJob;
    absl::Status refused(
        made.status().code(),
        absl::StrCat(made.status().message(),
                     ". Pinned memory was refused: ", refused_));
    SetFailure(failure, &refused);
    return refused;
  }
  HP_ASSIGN_OR_RETURN(JobMemory memory, std::move(made));
  forecasts_ = memory.forecasts;
  if (!memory.warning.empty()) Say(LogSeverity::kWarning, memory.warning);
  if (!memory.summary.empty()) Say(LogSeverity::kInfo, memory.summary);
  split_ = memory.split;
  schedule_ = std::move(memory.schedule);
  StartCommand start;
  start.job = plan_.id;
  start.config_yaml = plan_.config_yaml;
  start.world = world_;
  start.split = split_;
  if (world_ > 1) {
    HP_ASSIGN_OR_RETURN(start.link_kind, LinkKindOf(infos));
  }
  start.rendezvous = rendezvous;
  start.first_samples = {scan_->samples.front()};
  start.schedule = pipeline::ToText(schedule_.ranks);
  start.schedule_hash = schedule_.hash;
  HP_RETURN_IF_ERROR(AddEvaluation(&start));
  start.resume_from = resume_from_;
  start.memory_plan = std::move(memory.memory_plan);
  start.ffn_chunks = std::move(memory.ffn_chunks);
  start.optimizer_on_host = memory.optimizer_on_host;
  start.learning_rate_factor = learning_rate_factor_;
  return start;
}

void JobRunner::OnStarted(absl::Time now) {
  if (!AllAnswered()) return;
  if (world_ == 2 &&
      stages_[0].start.boundary_digest != stages_[1].start.boundary_digest) {
    return Fail(absl::FailedPreconditionError(absl::StrCat(
        "the stages disagree on what crosses the split (stage 0: ",
        stages_[0].start.boundary_digest,
        ", stage 1: ", stages_[1].start.boundary_digest,
        "): do both see the same model files and the same version?")));
  }
  const int64_t from = continue_at_ > 0 ? continue_at_ : saved_steps_;
  if (continue_at_ == 0) ForgetHeld();
  may_continue_ = true;
  for (Stage& stage : stages_) stage.steps_done = from;
  steps_done_ = from;
  next_step_ = from;
  validating_ = false;
  last_save_ = now;
  phase_ = Phase::kStep;
  cause_.clear();
  host_->ChangeState(
      JobTrigger::kReady,
      continue_at_ > 0
          ? absl::StrCat("from step ", from, ", which both stages hold")
      : resume_from_.empty()
          ? std::string()
          : absl::StrCat("from the checkpoint of step ", saved_steps_),
      absl::OkStatus());
  Advance(now);
}

}  // namespace halfpipe
