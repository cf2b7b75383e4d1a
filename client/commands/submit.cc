// halfpipe submit JOB.yaml: hands a job to a service and, unless told not to,
// stays with it until it ends.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/command.h"
#include "client/job_file.h"
#include "client/job_json.h"
#include "client/signal_watch.h"

namespace halfpipe {
namespace {

struct SubmitOptions {
  ServiceFlags service;
  std::string job_file;
  std::string id;
  std::vector<std::string> labels;
  bool no_wait = false;
};

void Announce(const Job& job, const SubmitOptions& options,
              CommandContext& context) {
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(job)) << "\n" << std::flush;
    return;
  }
  // The id alone, so that a script can take it.
  context.out << job.id << "\n" << std::flush;
}

absl::StatusOr<ExitCode> Submit(const SubmitOptions& options,
                                CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  HP_ASSIGN_OR_RETURN(const JobFile file, LoadJobFile(options.job_file));
  JobSpec spec = SpecFor(file);
  spec.id = options.id;
  spec.labels = ParseLabels(options.labels);
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job, client->CreateJob(spec));
  Announce(job, options, context);
  if (options.no_wait) return ExitCode::kOk;
  return FollowRemotely(*client, signals, job.id, 0, options.service.format,
                        context);
}

}  // namespace

void AddSubmitCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<SubmitOptions>();
  CLI::App* command =
      app.add_subcommand("submit", "Hand a job to a running service");
  command->add_option("job", options->job_file, "The job file")
      ->option_text("JOB.yaml")
      ->required();
  command->add_option("--id", options->id,
                      "The job's id; a repeated submit is then harmless");
  AddLabelFlag(command, "Give the job a label; may be repeated",
               &options->labels);
  command->add_flag("--no-wait", options->no_wait,
                    "Return at once instead of watching the job");
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    context.action = [options, &context] { return Submit(*options, context); };
  });
}

}  // namespace halfpipe
