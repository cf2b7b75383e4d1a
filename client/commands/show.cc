// halfpipe show ID: one job as it is now. halfpipe show model PATH: what the
// program takes a model for, out of its headers; needs no service.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/known_variants.h"
#include "common/model/model_text.h"

namespace halfpipe {
namespace {

// In place of a job's id.
constexpr absl::string_view kModel = "model";

struct ShowOptions {
  ServiceFlags service;
  std::string id;
  std::string path;  // of a model; or a variant's name
  bool config = false;
};

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::LocalTimeZone());
}

// The value's further lines are indented: none of them is another row.
void PrintRow(absl::string_view name, absl::string_view value,
              CommandContext& context) {
  constexpr absl::string_view kIndent = "             ";
  if (value.empty()) return;
  context.out << absl::StrFormat("%-12s %s\n", absl::StrCat(name, ":"),
                                 PrintableLines(value, kIndent));
}

// Priority, retries and pair, as far as somebody chose them.
void PrintHowItRuns(const Job& job, CommandContext& context) {
  if (job.priority != 0) {
    PrintRow("priority", absl::StrCat(job.priority), context);
  }
  if (job.retry_limit > 0) {
    PrintRow("retries", absl::StrCat(job.retries, "/", job.retry_limit),
             context);
  }
  if (job.retry_at.has_value()) {
    PrintRow("next try", TimeText(*job.retry_at), context);
  }
  PrintRow("pair", job.pair.empty() ? job.requested_pair : job.pair, context);
}

void PrintStep(const StepProgress& step, CommandContext& context) {
  // Rows of their own, which fit 80 columns.
  StepProgress alone = step;
  alone.stages.clear();
  alone.next_checkpoint_step = 0;
  PrintRow("progress", StepText(alone), context);
  std::vector<std::string> devices;
  for (const StageUse& stage : step.stages) {
    devices.push_back(StageText(stage));
  }
  if (!devices.empty()) {
    PrintRow("devices", absl::StrJoin(devices, "  "), context);
  }
  if (step.next_checkpoint_step > step.steps_done) {
    PrintRow("next save",
             absl::StrCat("after step ", step.next_checkpoint_step, ", in ",
                          ReadableSeconds(step.next_checkpoint_seconds)),
             context);
  }
}

// Of each stage's GPU, what a step took at its fullest and what was planned.
void PrintMemory(const Job& job, CommandContext& context) {
  if (!job.last_step.has_value()) return;
  for (const StageUse& use : job.last_step->stages) {
    const std::string used = MemoryText(use.device_memory);
    if (used.empty()) continue;
    PrintRow("memory", absl::StrCat("stage ", use.rank, ": ", used), context);
    const auto index = static_cast<size_t>(use.rank);
    if (index >= job.forecasts.size()) continue;
    const StageForecast& plan = job.forecasts[index];
    PrintRow("planned",
             absl::StrCat("stage ", use.rank, ": ", MemoryText(plan.memory),
                          "; the budget is ", ReadableBytes(plan.budget_bytes)),
             context);
  }
}

void PrintJob(const Job& job, bool config, CommandContext& context) {
  PrintRow("id", job.id, context);
  PrintRow("name", job.name, context);
  PrintRow("kind", JobKindName(job.kind), context);
  PrintRow("state", JobStateName(job.state), context);
  PrintRow("reason", job.reason, context);
  if (!job.error.ok()) PrintRow("error", job.error.message(), context);
  for (const auto& [key, value] : job.labels) {
    PrintRow("label", absl::StrCat(key, "=", value), context);
  }
  PrintRow("created", TimeText(job.created), context);
  if (job.started.has_value()) {
    PrintRow("started", TimeText(*job.started), context);
  }
  if (job.ended.has_value()) PrintRow("ended", TimeText(*job.ended), context);
  if (job.queue_position > 0) {
    PrintRow("in queue", absl::StrCat(job.queue_position), context);
  }
  PrintRow("steps", absl::StrCat(job.steps_done, "/", job.steps_total),
           context);
  PrintRow("restarts", absl::StrCat(job.restarts), context);
  PrintHowItRuns(job, context);
  if (job.last_step.has_value()) {
    StepProgress step = *job.last_step;
    // What it foretold is void for a job that trains no more.
    if (HasEnded(job.state) || job.state == JobState::kPaused) {
      step.eta_seconds = -1.0;
      step.next_checkpoint_step = 0;
    }
    PrintStep(step, context);
  }
  PrintMemory(job, context);
  if (job.last_validation.has_value()) {
    PrintRow("validation", ValidationText(*job.last_validation), context);
  }
  for (const Checkpoint& checkpoint : job.checkpoints) {
    const bool best = job.last_validation.has_value() &&
                      job.last_validation->best_steps == checkpoint.steps_done;
    PrintRow("checkpoint",
             absl::StrCat("step ", checkpoint.steps_done, "  ",
                          ReadableBytes(checkpoint.bytes), "  ",
                          checkpoint.directory,
                          best ? "  (the best validation)" : ""),
             context);
  }
  for (const std::string& path : job.exports) PrintRow("lora", path, context);
  if (config) context.out << "\n" << PrintableLines(job.config_yaml, "");
}

absl::StatusOr<ExitCode> Show(const ShowOptions& options,
                              CommandContext& context) {
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job, client->GetJob(options.id));
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(job), 2) << "\n";
  } else {
    PrintJob(job, options.config, context);
  }
  return ExitCode::kOk;
}

absl::StatusOr<ModelSpec> ReadModel(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    HP_ASSIGN_OR_RETURN(const WanCheckpoint checkpoint,
                        OpenWanCheckpoint(path));
    return checkpoint.variant.spec;
  }
  absl::StatusOr<ModelSpec> known = KnownModel(path, /*layers=*/0);
  if (known.ok()) return known;
  return absl::NotFoundError(
      absl::StrCat(path, ": there is no such file or folder, and ",
                   known.status().message()));
}

absl::StatusOr<ExitCode> ShowModel(const ShowOptions& options,
                                   CommandContext& context) {
  HP_ASSIGN_OR_RETURN(const ModelSpec model, ReadModel(options.path));
  context.out << (options.service.format == OutputFormat::kJson
                      ? JsonText(ModelJson(model), 2) + "\n"
                      : PrintableLines(ModelText(model), ""));
  return ExitCode::kOk;
}

// A path goes with the word model, and only with it.
void CheckPositionals(const ShowOptions& options) {
  const bool is_model = options.id == kModel;
  if (is_model && options.path.empty()) throw CLI::RequiredError("path");
  if (!is_model && !options.path.empty()) {
    throw CLI::ExtrasError({options.path});
  }
}

}  // namespace

void AddShowCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* command =
      app.add_subcommand("show", "Show one job, or what a model is");
  command->add_option("id", options->id, "The job, or the word model")
      ->required();
  command->add_option("path", options->path,
                      "For a model: the folder or file of its weights, or the "
                      "name of a known variant");
  command->add_flag("--config", options->config,
                    "Print its whole configuration too, defaults included");
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    CheckPositionals(*options);
    context.action = [options, &context] {
      return options->id == kModel ? ShowModel(*options, context)
                                   : Show(*options, context);
    };
  });
}

}  // namespace halfpipe
