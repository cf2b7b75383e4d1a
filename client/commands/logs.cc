// halfpipe logs ID: what was said about a job, its steps left out.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "client/commands/command.h"
#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "client/jobs/signal_watch.h"

namespace halfpipe {
namespace {

struct LogsOptions {
  ServiceFlags service;
  std::string id;
  bool follow = false;
};

bool IsLog(const JobEvent& event) {
  return std::holds_alternative<LogLine>(event.what) ||
         std::holds_alternative<StateChange>(event.what) ||
         std::holds_alternative<Checkpoint>(event.what);
}

// Prints log lines, state changes and checkpoints with their times.
class LogPrinter : public EventPrinter {
 public:
  LogPrinter(std::ostream& out, OutputFormat format)
      : out_(out), format_(format) {}

  void Print(const JobEvent& event) override {
    if (!IsLog(event)) return;
    if (format_ == OutputFormat::kJson) {
      out_ << JsonText(ToJson(event)) << "\n";
    } else {
      out_ << absl::FormatTime("%Y-%m-%d %H:%M:%S", event.time,
                               absl::LocalTimeZone())
           << "  " << EventText(event) << "\n";
    }
    out_ << std::flush;
  }

  void Notice(const std::string&) override {}

 private:
  std::ostream& out_;
  OutputFormat format_;
};

absl::StatusOr<ExitCode> Logs(const LogsOptions& options,
                              CommandContext& context) {
  LogPrinter printer(context.out, options.service.format);
  if (!options.follow) {
    const auto client = Connect(options.service, context);
    HP_RETURN_IF_ERROR(CheckIsThere(*client, options.id));
    TrainingClient::Watch watch;
    watch.id = options.id;
    watch.follow = false;
    HP_RETURN_IF_ERROR(client->WatchJob(watch, [&](const JobEvent& event) {
      printer.Print(event);
      return context.out.good();
    }));
    return ExitCode::kOk;
  }
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  const auto client = Connect(options.service, context);
  HP_RETURN_IF_ERROR(CheckIsThere(*client, options.id));
  FollowOptions follow;
  follow.id = options.id;
  follow.on_event = [&context](const JobEvent&) { return context.out.good(); };
  HP_ASSIGN_OR_RETURN(const FollowResult result,
                      FollowJob(*client, signals, printer, follow));
  return result.end == FollowEnd::kJobEnded ? ExitCode::kOk
                                            : ExitCode::kInterrupted;
}

}  // namespace

void AddLogsCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<LogsOptions>();
  CLI::App* command =
      app.add_subcommand("logs", "Print what was logged about a job");
  command->add_option("id", options->id, "The job")->required();
  command->add_flag("-f,--follow", options->follow,
                    "Wait for more until the job ends");
  AddServiceFlags(command, &options->service);
  SetAction(command, context, options, Logs);
}

}  // namespace halfpipe
