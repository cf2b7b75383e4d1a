// halfpipe cancel ID: stops a job; its last step is saved unless --now.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {

void AddCancelCommand(CLI::App& app, CommandContext& context) {
  const auto now = std::make_shared<bool>(false);
  AddJobCall(
      app,
      {.name = "cancel",
       .help = "Stop a job after saving its last finished step",
       .call =
           [now](TrainingClient& client, const std::string& id) {
             return client.CancelJob(id, *now);
           },
       .answer =
           [](const Job& job) {
             return absl::StrCat(job.id, " is ", JobStateName(job.state));
           },
       .add_flags =
           [now](CLI::App* command) {
             command->add_flag("--now", *now,
                               "Do not save: go back to the last checkpoint");
           }},
      context);
}

}  // namespace halfpipe
