#include "client/report/bench_report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/for_each.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kSchemaVersion = 1;

// REQUIRES: not empty. The mean of the middle two for an even count.
double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2.0;
}

const StageUse* FindRank(const StepProgress& step, int32_t rank) {
  for (const StageUse& stage : step.stages) {
    if (stage.rank == rank) return &stage;
  }
  return nullptr;
}

void AddMean(const std::map<std::string, double>& seconds, size_t steps,
             std::map<std::string, double>* means) {
  for (const auto& [name, value] : seconds) {
    (*means)[name] += value / static_cast<double>(steps);
  }
}

absl::StatusOr<BenchStage> SummarizeStage(
    const std::vector<BenchStep>& measured, int32_t rank) {
  BenchStage result;
  result.rank = rank;
  std::vector<double> link_bytes;
  double busy = 0.0;
  double total = 0.0;
  for (const BenchStep& step : measured) {
    const StageUse* stage = FindRank(step.progress, rank);
    if (stage == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat(
          "step ", step.progress.steps_done, " has no report of stage ", rank));
    }
    result.peak_gpu_bytes =
        std::max(result.peak_gpu_bytes, stage->device_peak_bytes);
    result.pinned_host_bytes =
        std::max(result.pinned_host_bytes, stage->pinned_host_bytes);
    link_bytes.push_back(static_cast<double>(stage->link_bytes_sent));
    busy += stage->busy_seconds;
    total += step.wall_seconds;
    AddMean(stage->action_seconds, measured.size(), &result.action_seconds);
    AddMean(stage->kernel_seconds, measured.size(), &result.kernel_seconds);
  }
  if (!result.kernel_seconds.empty()) {
    const auto steps = static_cast<double>(measured.size());
    double known = 0.0;
    for (const auto& [group, seconds] : result.kernel_seconds) known += seconds;
    result.kernel_seconds["other"] = std::max(0.0, busy / steps - known);
    result.kernel_seconds["idle"] = std::max(0.0, (total - busy) / steps);
  }
  result.link_bytes = static_cast<int64_t>(Median(link_bytes));
  result.busy_ratio = total > 0.0 ? std::min(busy / total, 1.0) : 0.0;
  return result;
}

// A double-quoted YAML scalar; JSON strings are a subset of them.
std::string YamlQuoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true,
                                   nlohmann::json::error_handler_t::replace);
}

std::string BenchYaml(const BenchOptions& o, const std::string& directory) {
  return absl::StrCat(
      "name: bench\nmodel:\n  weights: ", YamlQuoted(o.weights),
      "\n  random: {variant: ", YamlQuoted(o.variant), ", layers: ", o.layers,
      "}\nlora: {rank: ", o.rank, "}\ndata: {height: ", o.height,
      ", width: ", o.width, ", frames: ", o.frames,
      ", random: {samples: ", o.micro_batches,
      "}}\ntrain: {steps: ", kBenchWarmupSteps + o.steps,
      ", micro_batches: ", o.micro_batches,
      "}\npipeline:\n  schedule: ", YamlQuoted(o.schedule),
      "\n  stages: ", o.stages, "\n  memory: ", YamlQuoted(o.memory),
      "\n  gpu_memory: ", YamlQuoted(o.gpu_memory),
      "\n  host_memory: ", YamlQuoted(o.host_memory),
      "\n  profile: ", o.profile ? "true" : "false",
      "\n  device: ", YamlQuoted(o.device), "\n  dtype: ", YamlQuoted(o.dtype),
      "\n  threads: ", o.threads,
      "\noutput: {dir: ", YamlQuoted(directory + "/output"),
      // No checkpoint falls among the measured steps.
      ", save_every: {steps: ", kBenchWarmupSteps + o.steps + 1, "}}\n");
}

}  // namespace

absl::StatusOr<BenchResult> SummarizeBench(const std::vector<BenchStep>& steps,
                                           int64_t warmup, int64_t measured,
                                           int64_t micro_batches) {
  const auto found = static_cast<int64_t>(steps.size());
  if (measured < 1 || found != warmup + measured) {
    return absl::FailedPreconditionError(
        absl::StrCat("expected the reports of ", warmup, " + ", measured,
                     " steps, found ", found));
  }
  const std::vector<BenchStep> rest(steps.begin() + warmup, steps.end());
  BenchResult result;
  std::vector<double> seconds;
  seconds.reserve(rest.size());
  for (const BenchStep& step : rest) seconds.push_back(step.wall_seconds);
  result.s_per_step = Median(seconds);
  result.s_per_sample = result.s_per_step / static_cast<double>(micro_batches);
  double busy = 0.0;
  for (const StageUse& stage : rest.front().progress.stages) {
    HP_ASSIGN_OR_RETURN(BenchStage summary, SummarizeStage(rest, stage.rank));
    busy += summary.busy_ratio;
    result.stages.push_back(summary);
  }
  if (result.stages.empty()) {
    return absl::FailedPreconditionError("no stage reported its steps");
  }
  result.bubble_ratio = 1.0 - busy / static_cast<double>(result.stages.size());
  return result;
}

nlohmann::ordered_json BenchJson(const BenchResult& result,
                                 const nlohmann::ordered_json& config) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  for (const BenchStage& stage : result.stages) {
    stages.push_back({{"stage", stage.rank},
                      HP_MEMBERS(stage, peak_gpu_bytes, busy_ratio, link_bytes,
                                 pinned_host_bytes)});
    if (stage.kernel_seconds.empty()) continue;
    stages.back()["action_seconds"] = stage.action_seconds;
    stages.back()["kernel_seconds"] = stage.kernel_seconds;
  }
  return {{"schema", kSchemaVersion},
          {"config", config},
          HP_MEMBERS(result, s_per_step, s_per_sample, bubble_ratio),
          {"stages", std::move(stages)}};
}

absl::StatusOr<JobConfig> BenchJobConfig(const BenchOptions& options,
                                         const std::string& directory) {
  return ParseJobConfig(BenchYaml(options, directory), "bench");
}

nlohmann::ordered_json BenchConfigJson(const BenchOptions& options) {
  return {HP_MEMBERS(options, variant, height, width, frames, micro_batches,
                     steps, schedule, stages, weights, rank, layers, gpu_memory,
                     host_memory, memory, device, dtype, threads)};
}

BenchStep MeasureStep(const StepProgress& step, absl::Time end,
                      absl::Time previous_end) {
  BenchStep measured{.progress = step, .wall_seconds = step.step_seconds};
  if (previous_end != absl::InfinitePast()) {
    // Event times have milliseconds; a step cannot take less than its work.
    measured.wall_seconds = std::max(measured.wall_seconds,
                                     absl::ToDoubleSeconds(end - previous_end));
  }
  return measured;
}

}  // namespace halfpipe
