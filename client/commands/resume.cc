// halfpipe resume ID: queues a failed, cancelled or paused job again.
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {

void AddResumeCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<ResumeOptions>();
  AddJobCall(app,
             {.name = "resume",
              .help = "Go on with a failed, cancelled or paused job from its "
                      "checkpoint",
              .call =
                  [options](TrainingClient& client, const std::string& id) {
                    return client.ResumeJob(id, *options);
                  },
              .answer =
                  [](const Job& job) {
                    return absl::StrCat(job.id, " is ", JobStateName(job.state),
                                        ", going on after step ",
                                        job.steps_done);
                  },
              .add_flags =
                  [options](CLI::App* command) {
                    AddResumeFlags(command, options.get());
                  }},
             context);
}

}  // namespace halfpipe
