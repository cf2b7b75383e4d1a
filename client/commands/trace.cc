// halfpipe trace ID: the last steps of a job as a picture for Perfetto.
#include "client/report/trace.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "common/base/file.h"

namespace halfpipe {
namespace {

struct TraceOptions {
  ServiceFlags service;
  std::string id;
  std::string file;
  int32_t steps = 1;
};

absl::StatusOr<ExitCode> Trace(const TraceOptions& options,
                               CommandContext& context) {
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const std::vector<StepTrace> traces,
                      client->GetTrace(options.id, options.steps));
  const std::string json = pipeline::TraceJson(PictureOf(traces));
  if (options.file.empty()) {
    context.out << json << "\n";
    return ExitCode::kOk;
  }
  HP_RETURN_IF_ERROR(WriteFileAtomically(options.file, json));
  context.out << absl::StrCat(
      options.file, ": ", traces.size(),
      traces.size() == 1 ? " step" : " steps",
      "; open it with https://ui.perfetto.dev or chrome://tracing\n");
  return ExitCode::kOk;
}

}  // namespace

void AddTraceCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<TraceOptions>();
  CLI::App* command = app.add_subcommand(
      "trace", "Write the last steps of a job as a picture for Perfetto");
  command->add_option("id", options->id, "The job")->required();
  command
      ->add_option("-o,--output", options->file,
                   "The file to write (default: standard output)")
      ->option_text("FILE");
  command
      ->add_option("--steps", options->steps,
                   "How many of the last steps; 0: all that the service holds")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddConnectionFlags(command, &options->service);
  SetAction(command, context, options, Trace);
}

}  // namespace halfpipe
