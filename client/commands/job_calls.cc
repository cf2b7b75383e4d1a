// halfpipe cancel, pause, resume, save and delete ID: each asks the service for
// one thing about a job and does not wait for it.
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"

namespace halfpipe {
namespace {

struct JobCall {
  std::string name;
  std::string help;
  std::function<absl::StatusOr<Job>(TrainingClient& client,
                                    const std::string& id)>
      call;
  std::function<std::string(const Job& job)> answer;  // ReportAnswer's text
  // Adds what only this command has.
  std::function<void(CLI::App* command)> add_flags = nullptr;
};

std::string StateOf(const Job& job) {
  return absl::StrCat(job.id, " is ", JobStateName(job.state));
}

int64_t LastSaved(const Job& job) {
  return job.checkpoints.empty() ? 0 : job.checkpoints.back().steps_done;
}

std::string SaveAnswer(const Job& job) {
  if (job.steps_done == LastSaved(job)) {
    return absl::StrCat(job.id, ": step ", job.steps_done, " is saved");
  }
  return absl::StrCat(job.id, ": saving after the step that is running");
}

JobCall CancelCall() {
  const auto now = std::make_shared<bool>(false);
  return {
      .name = "cancel",
      .help = "Stop a job after saving its last finished step",
      .call = [now](
                  TrainingClient& client,
                  const std::string& id) { return client.CancelJob(id, *now); },
      .answer = &StateOf,
      .add_flags =
          [now](CLI::App* command) {
            command->add_flag("--now", *now,
                              "Do not save: go back to the last checkpoint");
          }};
}

JobCall PauseCall() {
  return {.name = "pause",
          .help = "Free a job's GPUs after saving its last finished step",
          .call = &TrainingClient::PauseJob,
          .answer = [](const Job& job) {
            return absl::StrCat(StateOf(job), "; halfpipe resume ", job.id,
                                " goes on with it");
          }};
}

JobCall ResumeCall() {
  const auto options = std::make_shared<ResumeOptions>();
  return {
      .name = "resume",
      .help =
          "Go on with a failed, cancelled or paused job from its checkpoint",
      .call =
          [options](TrainingClient& client, const std::string& id) {
            return client.ResumeJob(id, *options);
          },
      .answer =
          [](const Job& job) {
            return absl::StrCat(StateOf(job), ", going on after step ",
                                job.steps_done);
          },
      .add_flags =
          [options](CLI::App* command) {
            AddResumeFlags(command, options.get());
          }};
}

JobCall SaveCall() {
  return {.name = "save",
          .help = "Have a running job write a checkpoint now",
          .call = &TrainingClient::SaveJob,
          .answer = &SaveAnswer};
}

JobCall DeleteCall() {
  return {.name = "delete",
          .help =
              "Remove the record of a job that has ended; its output "
              "folder stays",
          .call = &TrainingClient::DeleteJob,
          .answer = [](const Job& job) {
            return absl::StrCat(
                "the record of ", job.id,
                " is deleted; its output folder was not changed");
          }};
}

struct CallOptions {
  ServiceFlags service;
  std::string id;
};

void AddJobCall(CLI::App& app, JobCall call, CommandContext& context) {
  const auto options = std::make_shared<CallOptions>();
  CLI::App* command = app.add_subcommand(call.name, call.help);
  command->add_option("id", options->id, "The job")->required();
  if (call.add_flags != nullptr) call.add_flags(command);
  AddServiceFlags(command, &options->service);
  SetAction(
      command, context, options,
      [call = std::move(call)](const CallOptions& given, CommandContext& out)
          -> absl::StatusOr<ExitCode> {
        const auto client = Connect(given.service, out);
        HP_ASSIGN_OR_RETURN(const Job job, call.call(*client, given.id));
        return ReportAnswer(job, given.service.format, call.answer(job), out);
      });
}

}  // namespace

void AddJobCallCommands(CLI::App& app, CommandContext& context) {
  for (JobCall call :
       {CancelCall(), PauseCall(), ResumeCall(), SaveCall(), DeleteCall()}) {
    AddJobCall(app, std::move(call), context);
  }
}

}  // namespace halfpipe
