// halfpipe resume ID: queues a failed, cancelled or paused job again.
#include "absl/strings/str_cat.h"
#include "client/command.h"

namespace halfpipe {

void AddResumeCommand(CLI::App& app, CommandContext& context) {
  AddJobCall(app,
             {.name = "resume",
              .help = "Go on with a failed, cancelled or paused job from its "
                      "checkpoint",
              .call = &TrainingClient::ResumeJob,
              .answer =
                  [](const Job& job) {
                    return absl::StrCat(job.id, " is ", JobStateName(job.state),
                                        ", going on after step ",
                                        job.steps_done);
                  }},
             context);
}

}  // namespace halfpipe
