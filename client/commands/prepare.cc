// halfpipe prepare JOB.yaml: fills the cache of latents and captions, and
// trains nothing.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/commands/command.h"
#include "client/commands/local_job.h"

namespace halfpipe {

void AddPrepareCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<LocalJobOptions>();
  options->kind = JobKind::kPrepare;
  CLI::App* command = app.add_subcommand(
      "prepare", "Encode a job's clips and captions into the cache only");
  AddLocalJobFlags(command, options.get());
  AddJoinTimeoutFlag(command, &options->join_timeout_seconds);
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, RunLocalJob);
}

}  // namespace halfpipe
