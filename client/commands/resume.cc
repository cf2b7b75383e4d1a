// halfpipe resume ID: queues a failed or cancelled job again.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "client/command.h"
#include "client/job_json.h"

namespace halfpipe {
namespace {

struct ResumeOptions {
  ServiceFlags service;
  std::string id;
};

absl::StatusOr<ExitCode> Resume(const ResumeOptions& options,
                                CommandContext& context) {
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job, client->ResumeJob(options.id));
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(job), 2) << "\n";
  } else {
    context.out << job.id << " is " << JobStateName(job.state)
                << ", going on after step " << job.steps_done << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void AddResumeCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<ResumeOptions>();
  CLI::App* command = app.add_subcommand(
      "resume", "Go on with a failed or cancelled job from its checkpoint");
  command->add_option("id", options->id, "The job")->required();
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    context.action = [options, &context] { return Resume(*options, context); };
  });
}

}  // namespace halfpipe
