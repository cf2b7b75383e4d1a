// halfpipe cancel ID: stops a job; its last step is saved unless --now.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {
namespace {

struct CancelOptions {
  ServiceFlags service;
  std::string id;
  bool now = false;
};

absl::StatusOr<ExitCode> Cancel(const CancelOptions& options,
                                CommandContext& context) {
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job,
                      client->CancelJob(options.id, options.now));
  return ReportAnswer(job, options.service.format,
                      absl::StrCat(job.id, " is ", JobStateName(job.state)),
                      context);
}

}  // namespace

void AddCancelCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<CancelOptions>();
  CLI::App* command = app.add_subcommand(
      "cancel", "Stop a job after saving its last finished step");
  command->add_option("id", options->id, "The job")->required();
  command->add_flag("--now", options->now,
                    "Do not save: go back to the last checkpoint");
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    context.action = [options, &context] { return Cancel(*options, context); };
  });
}

}  // namespace halfpipe
