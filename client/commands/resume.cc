// halfpipe resume ID: queues a failed, cancelled or paused job again.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/command.h"

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
  return ReportAnswer(job, options.service.format,
                      absl::StrCat(job.id, " is ", JobStateName(job.state),
                                   ", going on after step ", job.steps_done),
                      context);
}

}  // namespace

void AddResumeCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<ResumeOptions>();
  CLI::App* command = app.add_subcommand(
      "resume",
      "Go on with a failed, cancelled or paused job from its checkpoint");
  command->add_option("id", options->id, "The job")->required();
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    context.action = [options, &context] { return Resume(*options, context); };
  });
}

}  // namespace halfpipe
