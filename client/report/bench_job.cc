#include "client/report/bench_job.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

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
      // No checkpoint falls among the measured steps, and no curve is kept.
      ", save_every: {steps: ", kBenchWarmupSteps + o.steps + 1,
      "}, metrics: []}\n");
}

}  // namespace

absl::StatusOr<JobConfig> BenchJobConfig(const BenchOptions& options,
                                         const std::string& directory) {
  return ParseJobConfig(BenchYaml(options, directory), "bench");
}

nlohmann::ordered_json BenchConfigJson(const BenchOptions& options) {
  return {{"variant", options.variant},
          {"height", options.height},
          {"width", options.width},
          {"frames", options.frames},
          {"micro_batches", options.micro_batches},
          {"steps", options.steps},
          {"schedule", options.schedule},
          {"stages", options.stages},
          {"weights", options.weights},
          {"rank", options.rank},
          {"layers", options.layers},
          {"gpu_memory", options.gpu_memory},
          {"host_memory", options.host_memory},
          {"memory", options.memory},
          {"device", options.device},
          {"dtype", options.dtype},
          {"threads", options.threads}};
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
