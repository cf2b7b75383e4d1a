// halfpipe watch ID: follows a job until it ends.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "client/commands/command.h"
#include "client/jobs/signal_watch.h"

namespace halfpipe {
namespace {

struct WatchOptions {
  ServiceFlags service;
  std::string id;
  int64_t after_cursor = 0;
};

absl::StatusOr<ExitCode> Watch(const WatchOptions& options,
                               CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  const auto client = Connect(options.service, context);
  HP_RETURN_IF_ERROR(CheckIsThere(*client, options.id));
  return FollowRemotely(*client, signals, options.id, options.after_cursor,
                        options.service.format, context);
}

}  // namespace

void AddWatchCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<WatchOptions>();
  CLI::App* command =
      app.add_subcommand("watch", "Follow a job's progress until it ends");
  command->add_option("id", options->id, "The job")->required();
  command
      ->add_option("--after", options->after_cursor,
                   "Leave out the events up to this cursor")
      ->check(NotNegativeCheck());
  AddServiceFlags(command, &options->service);
  SetAction(command, context, options, Watch);
}

}  // namespace halfpipe
