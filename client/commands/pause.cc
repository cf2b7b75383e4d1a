// halfpipe pause ID: frees a job's GPUs until it is resumed.
#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {

void AddPauseCommand(CLI::App& app, CommandContext& context) {
  AddJobCall(app,
             {.name = "pause",
              .help = "Free a job's GPUs after saving its last finished step",
              .call = &TrainingClient::PauseJob,
              .answer =
                  [](const Job& job) {
                    return absl::StrCat(job.id, " is ", JobStateName(job.state),
                                        "; halfpipe resume ", job.id,
                                        " goes on with it");
                  }},
             context);
}

}  // namespace halfpipe
