// halfpipe delete ID: removes the record of a job that has ended.
#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {

void AddDeleteCommand(CLI::App& app, CommandContext& context) {
  AddJobCall(app,
             {.name = "delete",
              .help = "Remove the record of a job that has ended; its output "
                      "folder stays",
              .call = &TrainingClient::DeleteJob,
              .answer =
                  [](const Job& job) {
                    return absl::StrCat("the record of ", job.id,
                                        " is deleted; its output folder is as "
                                        "it was");
                  }},
             context);
}

}  // namespace halfpipe
