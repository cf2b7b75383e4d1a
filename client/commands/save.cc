// halfpipe save ID: has a running job write a checkpoint now.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/command.h"

namespace halfpipe {
namespace {

struct SaveOptions {
  ServiceFlags service;
  std::string id;
};

int64_t LastSaved(const Job& job) {
  return job.checkpoints.empty() ? 0 : job.checkpoints.back().steps_done;
}

absl::StatusOr<ExitCode> Save(const SaveOptions& options,
                              CommandContext& context) {
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job, client->SaveJob(options.id));
  return ReportAnswer(
      job, options.service.format,
      absl::StrCat(job.id,
                   job.steps_done == LastSaved(job)
                       ? absl::StrCat(": step ", job.steps_done, " is saved")
                       : ": saving after the step that is running"),
      context);
}

}  // namespace

void AddSaveCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<SaveOptions>();
  CLI::App* command =
      app.add_subcommand("save", "Have a running job write a checkpoint now");
  command->add_option("id", options->id, "The job")->required();
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    context.action = [options, &context] { return Save(*options, context); };
  });
}

}  // namespace halfpipe
