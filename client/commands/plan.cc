// halfpipe plan JOB.yaml: memory, time and timeline of a job before anything
// is loaded. Needs no service and no GPU: the job file, the model's headers and
// a file of measured rates.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/jobs/job_file.h"
#include "client/jobs/job_json.h"
#include "client/report/plan_report.h"
#include "client/report/trace.h"
#include "common/base/file.h"
#include "common/base/host_memory.h"
#include "common/base/status.h"
#include "common/config/quantity.h"
#include "common/plan/plan_request.h"
#include "common/plan/rates.h"

namespace halfpipe {
namespace {

struct PlanOptions {
  std::string job;
  std::string rates;
  std::string gpu_memory;
  std::string host_memory;
  std::string trace;
  OutputFormat format = OutputFormat::kText;
};

// "22GiB" or "auto"; an empty text leaves `bytes` as the job file says.
absl::Status Override(const char* flag, const std::string& text,
                      int64_t* bytes) {
  if (text.empty()) return absl::OkStatus();
  if (text == "auto") {
    *bytes = 0;
    return absl::OkStatus();
  }
  absl::StatusOr<int64_t> parsed = ParseBytes(text);
  if (!parsed.ok()) return Annotate(parsed.status(), flag);
  if (*parsed == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag, ": expected auto, or a size above 0, found '", text, "'"));
  }
  *bytes = *parsed;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceRates>> DevicesFor(const PlanOptions& options,
                                                    int64_t stages) {
  std::vector<DeviceRates> devices = {MeasuredH200()};
  if (!options.rates.empty()) {
    HP_ASSIGN_OR_RETURN(devices, ReadRatesFile(options.rates));
  }
  const auto wanted = static_cast<size_t>(stages);
  if (devices.size() == 1) devices.resize(wanted, devices.front());
  if (devices.size() < wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.rates, ": has ", devices.size(),
                     " devices, but the job has ", stages, " stages"));
  }
  devices.resize(wanted);
  return devices;
}

absl::StatusOr<PlanReport> MakeReport(const PlanOptions& options) {
  HP_ASSIGN_OR_RETURN(JobFile file, LoadJobFile(options.job));
  PipelineConfig& pipeline = file.config.pipeline;
  HP_RETURN_IF_ERROR(
      Override("--gpu-memory", options.gpu_memory, &pipeline.gpu_memory_bytes));
  HP_RETURN_IF_ERROR(Override("--host-memory", options.host_memory,
                              &pipeline.host_memory_bytes));
  HP_ASSIGN_OR_RETURN(const ModelSpec model, ReadJobModel(file.config.model));
  HP_ASSIGN_OR_RETURN(const std::vector<DeviceRates> devices,
                      DevicesFor(options, pipeline.stages));
  PlanReport report;
  report.built_in_rates = options.rates.empty();
  HP_ASSIGN_OR_RETURN(
      report.request,
      MakePlanRequest(file.config, model, devices, {AvailableHostBytes()}));
  HP_ASSIGN_OR_RETURN(report.plan, PlanTraining(report.request));
  report.longest_frames = LongestClip(report.request);
  return report;
}

absl::StatusOr<ExitCode> RunPlan(const PlanOptions& options,
                                 CommandContext& context) {
  HP_ASSIGN_OR_RETURN(const PlanReport report, MakeReport(options));
  if (!options.trace.empty()) {
    HP_RETURN_IF_ERROR(WriteFileAtomically(
        options.trace, pipeline::TraceJson(report.plan.simulation.timeline)));
  }
  if (options.format == OutputFormat::kJson) {
    context.out << JsonText(PlanJson(report), 2) << "\n";
  } else {
    context.out << PlanText(report);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddPlanCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<PlanOptions>();
  CLI::App* command = app.add_subcommand(
      "plan", "Predict a job's memory, time and timeline without running it");
  command->add_option("job", options->job, "The job file")->required();
  command->add_option("--rates", options->rates,
                      "File with the measured rates of your GPUs, instead of "
                      "the built-in rates of an H200");
  command->add_option("--gpu-memory", options->gpu_memory,
                      "Memory of each GPU to use at most, instead of "
                      "pipeline.gpu_memory: 22GiB");
  command->add_option(
      "--host-memory", options->host_memory,
      "RAM to pin at most, instead of pipeline.host_memory: 64GiB");
  command->add_option("--trace", options->trace,
                      "Write the timeline for Perfetto to this file");
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, RunPlan);
}

}  // namespace halfpipe
