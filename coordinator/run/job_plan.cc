#include "coordinator/run/job_plan.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "coordinator/run/lr_schedule.h"
#include "coordinator/run/sampling_order.h"
#include "coordinator/run/warmup.h"

namespace halfpipe {
namespace {

absl::StatusOr<pipeline::Warmup> WarmupOf(const JobConfig& config) {
  if (config.pipeline.warmup.has_value()) {
    return pipeline::Warmup{static_cast<int32_t>((*config.pipeline.warmup)[0]),
                            static_cast<int32_t>((*config.pipeline.warmup)[1])};
  }
  if (config.pipeline.stages == 1 ||
      config.pipeline.schedule != pipeline::ScheduleName::kOneFOneB) {
    return pipeline::Warmup{};
  }
  const auto stages = static_cast<int>(config.pipeline.stages);
  HP_ASSIGN_OR_RETURN(pipeline::SegmentTable table,
                      pipeline::SegmentTable::ForStages(stages));
  return pipeline::ChooseWarmup(
      static_cast<int32_t>(config.train.micro_batches),
      pipeline::NominalCosts(table), /*max_live=*/0, stages);
}

}  // namespace

std::vector<std::vector<SampleRef>> SplitUncached(
    const std::vector<SampleRef>& samples, int32_t world) {
  std::vector<std::vector<SampleRef>> shares(static_cast<size_t>(world));
  size_t next = 0;
  for (const SampleRef& sample : samples) {
    if (sample.cached) continue;
    shares[next].push_back(sample);
    next = (next + 1) % shares.size();
  }
  return shares;
}

std::string NormalFolder(const std::string& path) {
  const std::string normal =
      std::filesystem::path(path).lexically_normal().string();
  return std::string(absl::StripSuffix(normal, "/"));
}

bool IsSameFolder(const std::string& one, const std::string& other) {
  if (one == other) return true;
  std::error_code error;  // one that is not there is not the other
  return std::filesystem::equivalent(one, other, error);
}

absl::StatusOr<int64_t> SplitOf(const PipelineConfig& pipeline,
                                int64_t layers) {
  const int64_t stages = pipeline.stages;
  if (stages == 1) return layers;
  const int64_t split =
      pipeline.split_at.value_or(pipeline::EvenShare(layers, 0, stages));
  if (layers < stages) {
    return absl::InvalidArgumentError(
        absl::StrCat("pipeline.stages: the model has ", layers,
                     layers < 2 ? " block" : " blocks", ", which ",
                     stages == 2 ? "two" : absl::StrCat(stages),
                     " stages cannot share; set pipeline.stages to 1"));
  }
  const int64_t most = layers - (stages - 1);
  if (split < 1 || split > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("pipeline.split_at: the model has ", layers,
                     " blocks, so this is a number from 1 to ", most,
                     " or auto; found ", split));
  }
  return split;
}

absl::StatusOr<pipeline::Schedule> ScheduleOf(const JobConfig& config) {
  pipeline::ScheduleOptions options;
  options.name = config.pipeline.schedule;
  options.microbatches = static_cast<int32_t>(config.train.micro_batches);
  options.stages = static_cast<int>(config.pipeline.stages);
  options.live_chunks =
      std::max(options.live_chunks,
               pipeline::LiveChunks(options.chunks, options.stages));
  HP_ASSIGN_OR_RETURN(options.warmup, WarmupOf(config));
  return pipeline::BuildSchedule(options);
}

absl::StatusOr<std::string> LinkKindOf(const std::vector<StageInfo>& stages) {
  size_t with_gpu = 0;
  for (const StageInfo& stage : stages) {
    if (absl::StartsWith(stage.device, "cuda")) ++with_gpu;
  }
  if (with_gpu == 0) return std::string("local");
  if (with_gpu == stages.size()) return std::string("nccl");
  std::string devices;
  for (const StageInfo& stage : stages) {
    absl::StrAppend(&devices, devices.empty() ? "" : ", ", "stage ",
                    stage.rank.value(), " on ", stage.device);
  }
  return absl::FailedPreconditionError(
      absl::StrCat("both stages of a pair run on GPUs or both on the CPU, "
                   "found ",
                   devices, ": start them with the same kind of --device"));
}

StepPlan MakeStepPlan(const JobPlan& job, const std::vector<SampleRef>& samples,
                      Epoch epoch, Step step,
                      const std::string& schedule_hash) {
  StepPlan plan;
  plan.epoch = epoch;
  plan.step = step;
  plan.schedule_hash = schedule_hash;
  plan.learning_rate = LearningRateAt(job.config.train, step.value());
  plan.record_dir = job.record_dir;
  const int64_t microbatches = job.config.train.micro_batches;
  for (int64_t m = 0; m < microbatches; ++m) {
    const int64_t position = step.value() * microbatches + m;
    const SampleRef& sample = samples[static_cast<size_t>(
        SampleAt(static_cast<uint64_t>(job.config.train.seed),
                 static_cast<int64_t>(samples.size()), position,
                 job.config.data.repeat))];
    plan.microbatches.push_back(
        {sample.latents_path, sample.context_path, position});
  }
  return plan;
}

std::vector<std::string> FormatNames(const std::vector<LoraFormat>& formats) {
  std::vector<std::string> names;
  for (LoraFormat format : formats) names.emplace_back(LoraFormatName(format));
  return names;
}

std::vector<std::string> AllFormatNames() {
  return FormatNames(
      {LoraFormat::kDiffSynth, LoraFormat::kComfyUi, LoraFormat::kDiffusers});
}

std::string PublishedName(absl::string_view format) {
  return absl::StrCat("lora.", format, ".safetensors");
}

std::map<std::string, std::string> ExportMetadata(const JobPlan& job,
                                                  const ScanResult& scan,
                                                  int64_t steps_done) {
  return {{"halfpipe.variant", scan.variant},
          {"halfpipe.config_digest", job.config_digest},
          {"halfpipe.data_digest", scan.data_digest},
          {"halfpipe.step", absl::StrCat(steps_done)}};
}

}  // namespace halfpipe
