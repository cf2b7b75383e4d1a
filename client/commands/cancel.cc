// halfpipe cancel ID: stops a job; its last step is saved unless --now.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "client/command.h"
#include "client/job_json.h"

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
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(job), 2) << "\n";
  } else {
    context.out << job.id << " is " << JobStateName(job.state) << "\n";
  }
  return ExitCode::kOk;
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
