// halfpipe check JOB.yaml: every problem of a job file and of its data set at
// once, before a GPU is touched.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/commands/command.h"
#include "client/commands/local_job.h"

namespace halfpipe {

void AddCheckCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<LocalJobOptions>();
  options->kind = JobKind::kCheck;
  // Headers, metadata and hashes: the stages need no GPU for these.
  options->device = DeviceType::kCpu;
  CLI::App* command = app.add_subcommand(
      "check", "Find every problem of a job file, its model and its data set");
  AddLocalJobFlags(command, options.get());
  command->add_flag("--quick", options->quick,
                    "Decode no clip: look at headers and metadata only");
  AddResumeFlags(command, &options->resume);
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, RunLocalJob);
}

}  // namespace halfpipe
