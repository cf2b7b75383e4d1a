// halfpipe prepare JOB.yaml: fills the cache of latents and captions, and
// trains nothing.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/local_job.h"
#include "client/number_check.h"
#include "client/tool_commands.h"

namespace halfpipe {

void AddPrepareCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<LocalJobOptions>();
  options->kind = JobKind::kPrepare;
  CLI::App* command = app.add_subcommand(
      "prepare", "Encode a job's clips and captions into the cache only");
  command->add_option("job", options->job_file, "The job file")
      ->option_text("JOB.yaml")
      ->required();
  command->add_option("--log-dir", options->log_dir,
                      "Keep the processes' logs in this folder");
  command
      ->add_option("--join-timeout", options->join_timeout_seconds,
                   "Seconds that the stages may take to start")
      ->check(PositiveCheck(kPositiveSeconds))
      ->capture_default_str();
  AddFormatFlag(command, &options->format);
  command->callback([options, &context] {
    context.action = [options, &context] {
      return RunLocalJob(*options, context);
    };
  });
}

}  // namespace halfpipe
