// halfpipe save ID: has a running job write a checkpoint now.
#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {
namespace {

int64_t LastSaved(const Job& job) {
  return job.checkpoints.empty() ? 0 : job.checkpoints.back().steps_done;
}

std::string Answer(const Job& job) {
  if (job.steps_done == LastSaved(job)) {
    return absl::StrCat(job.id, ": step ", job.steps_done, " is saved");
  }
  return absl::StrCat(job.id, ": saving after the step that is running");
}

}  // namespace

void AddSaveCommand(CLI::App& app, CommandContext& context) {
  AddJobCall(app,
             {.name = "save",
              .help = "Have a running job write a checkpoint now",
              .call = &TrainingClient::SaveJob,
              .answer = &Answer},
             context);
}

}  // namespace halfpipe
