// halfpipe plan JOB.yaml: memory, time and timeline of a job before anything
// is loaded. Needs no service and no GPU: the job file, the model's headers and
// what is known of the cards.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/commands/command.h"
#include "client/jobs/job_file.h"
#include "client/jobs/job_json.h"
#include "client/report/card_table.h"
#include "client/report/machine_rates.h"
#include "client/report/plan_report.h"
#include "client/report/trace.h"
#include "common/base/file.h"
#include "common/base/host_memory.h"
#include "common/base/status.h"
#include "common/config/quantity.h"
#include "common/plan/plan_request.h"
#include "common/plan/rates.h"
#include "common/plan/rates_cache.h"

namespace halfpipe {
namespace {

struct PlanOptions {
  std::string job;
  std::string rates;
  std::vector<std::string> gpus;
  std::vector<std::string> pcie;
  std::string ram;
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

// A device a stage, and where what is known of them comes from.
struct PlanDevices {
  std::vector<DeviceRates> devices;
  RatesSource source;
};

absl::StatusOr<PlanDevices> DevicesOfFile(const PlanOptions& options,
                                          size_t stages) {
  PlanDevices found;
  HP_ASSIGN_OR_RETURN(found.devices, ReadRatesFile(options.rates));
  if (found.devices.size() == 1) {
    found.devices.resize(stages, found.devices.front());
  }
  if (found.devices.size() < stages) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.rates, ": has ", found.devices.size(),
                     " devices, but the job has ", stages, " stages"));
  }
  found.devices.resize(stages);
  found.source = {"file", absl::StrCat("of ", options.rates), {}};
  return found;
}

absl::StatusOr<std::vector<PcieLink>> LinksOf(const PlanOptions& options) {
  std::vector<PcieLink> links;
  for (const std::string& text : options.pcie) {
    absl::StatusOr<PcieLink> link = ParsePcie(text);
    if (!link.ok()) return Annotate(link.status(), "--pcie");
    links.push_back(*link);
  }
  if (links.size() > 1 && links.size() != options.gpus.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--pcie: give one for all cards or one a card; found ",
                     links.size(), " for ", options.gpus.size()));
  }
  return links;
}

absl::StatusOr<PlanDevices> DevicesByName(const PlanOptions& options,
                                          size_t stages) {
  std::vector<Card> cards;
  for (const std::string& name : options.gpus) {
    absl::StatusOr<Card> card = FindCard(name);
    if (!card.ok()) return Annotate(card.status(), "--gpu");
    cards.push_back(*card);
  }
  HP_ASSIGN_OR_RETURN(const std::vector<PcieLink> links, LinksOf(options));
  if (cards.size() != stages) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--gpu: names ", cards.size(), cards.size() == 1 ? " card" : " cards",
        ", but the job has pipeline.stages: ", stages,
        ": name a card a stage, or change pipeline.stages"));
  }
  PlanDevices found;
  found.devices = RatesOfCards(cards, links);
  found.source = {
      "datasheet",
      "data sheets, not measurements: of each figure the part that an H200\n"
      "           reached in training is assumed",
      {absl::StrCat("(", AssumedPartsText(), ")")}};
  if (options.ram.empty()) {
    found.source.notes.emplace_back(
        "the RAM is what this machine has available; --ram 64GiB for another");
  }
  return found;
}

PlanDevices DevicesOfThisMachine(size_t stages) {
  const std::string folder = DefaultCacheFolder();
  MachineRates machine = RatesOfThisMachine(folder);
  PlanDevices found;
  found.source.notes = std::move(machine.notes);
  if (machine.devices.empty()) {
    if (!found.source.notes.empty()) {
      found.source.notes.emplace_back("halfpipe rates measures them");
    }
    found.devices.assign(stages, MeasuredH200());
    return found;
  }
  const size_t measured = machine.devices.size();
  found.devices = std::move(machine.devices);
  found.devices.resize(stages, found.devices.back());
  found.source.kind = "measured";
  found.source.text =
      absl::StrCat("measured by the stages of this machine, kept in ", folder);
  if (measured < stages) {
    found.source.notes.push_back(absl::StrCat(
        "only ", measured, " of the job's ", stages,
        " GPUs is measured: the plan takes the others to be like it"));
  }
  return found;
}

absl::StatusOr<PlanDevices> DevicesFor(const PlanOptions& options,
                                       int64_t stages) {
  const auto wanted = static_cast<size_t>(stages);
  if (!options.rates.empty()) return DevicesOfFile(options, wanted);
  if (!options.gpus.empty()) return DevicesByName(options, wanted);
  return DevicesOfThisMachine(wanted);
}

// What a job may pin at most: of the RAM that is named, or of this machine's.
absl::StatusOr<int64_t> AvailableBytesFor(const PlanOptions& options,
                                          PipelineConfig* pipeline) {
  if (options.ram.empty()) return AvailableHostBytes();
  int64_t ram = 0;
  HP_RETURN_IF_ERROR(Override("--ram", options.ram, &ram));
  if (ram == 0) return AvailableHostBytes();  // "auto"
  // As at the job's start: it cannot have the last of it.
  const int64_t most = std::max<int64_t>(1, ram - kHostFloorBytes);
  pipeline->host_memory_bytes = std::min(pipeline->host_memory_bytes, most);
  return ram;
}

absl::StatusOr<PlanReport> MakeReport(const PlanOptions& options) {
  HP_ASSIGN_OR_RETURN(JobFile file, LoadJobFile(options.job));
  PipelineConfig& pipeline = file.config.pipeline;
  HP_RETURN_IF_ERROR(
      Override("--gpu-memory", options.gpu_memory, &pipeline.gpu_memory_bytes));
  HP_RETURN_IF_ERROR(Override("--host-memory", options.host_memory,
                              &pipeline.host_memory_bytes));
  HP_ASSIGN_OR_RETURN(const int64_t ram, AvailableBytesFor(options, &pipeline));
  HP_ASSIGN_OR_RETURN(const ModelSpec model, ReadJobModel(file.config.model));
  HP_ASSIGN_OR_RETURN(PlanDevices found, DevicesFor(options, pipeline.stages));
  PlanReport report;
  report.rates_source = std::move(found.source);
  report.steps = file.config.train.steps;
  report.start = absl::Now();
  HP_ASSIGN_OR_RETURN(report.request, MakePlanRequest(file.config, model,
                                                      found.devices, {ram}));
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
                      "File with rates of GPUs (halfpipe rates --write), "
                      "instead of those that this machine's stages measured");
  command
      ->add_option("--gpu", options->gpus,
                   "A card by name, such as rtx4090, by its data sheet; once "
                   "for each stage")
      ->excludes("--rates")
      ->allow_extra_args(false);
  command
      ->add_option("--pcie", options->pcie,
                   "PCIe generation and lanes of those cards, such as 4x8: "
                   "once for all, or once for each")
      ->needs("--gpu")
      ->allow_extra_args(false);
  command->add_option("--ram", options->ram,
                      "RAM of the machine, instead of what is available here: "
                      "64GiB");
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
