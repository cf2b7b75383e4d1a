// halfpipe pause ID: frees a job's GPUs until it is resumed.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/command.h"

namespace halfpipe {
namespace {

struct PauseOptions {
  ServiceFlags service;
  std::string id;
};

absl::StatusOr<ExitCode> Pause(const PauseOptions& options,
                               CommandContext& context) {
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job, client->PauseJob(options.id));
  return ReportAnswer(
      job, options.service.format,
      absl::StrCat(job.id, " is ", JobStateName(job.state),
                   "; halfpipe resume ", job.id, " goes on with it"),
      context);
}

}  // namespace

void AddPauseCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<PauseOptions>();
  CLI::App* command = app.add_subcommand(
      "pause", "Free a job's GPUs after saving its last finished step");
  command->add_option("id", options->id, "The job")->required();
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    context.action = [options, &context] { return Pause(*options, context); };
  });
}

}  // namespace halfpipe
