// What the files in client/commands share: how a command is registered with
// the parser and what it may use.
#ifndef HP_CLIENT_COMMANDS_COMMAND_H_
#define HP_CLIENT_COMMANDS_COMMAND_H_

#include <CLI/App.hpp>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/commands/cli.h"
#include "client/jobs/event_printer.h"
#include "client/jobs/follow_job.h"
#include "client/jobs/training_client.h"
#include "common/auth/connection.h"
#include "common/base/status.h"

namespace halfpipe {

// What a parsed command line will do. A failed status is printed as the
// command's one error and decides the exit code.
using CommandAction = std::function<absl::StatusOr<ExitCode>()>;

struct CommandContext {
  std::ostream& out;
  std::ostream& err;
  CommandEnvironment environment;
  CommandAction action;  // set by the subcommand that was named
};

// Options of every command that talks to a service.
struct ServiceFlags {
  std::string address = "127.0.0.1:50700";
  ConnectionSources security;
  double timeout_seconds = 10.0;  // for one answer, connecting included
  OutputFormat format = OutputFormat::kText;
};

// Adds --address (or HALFPIPE_ADDRESS), the keys that go with it (--ca, --cert,
// --key, --token-file, each or its variable), --timeout and -o/--output.
void AddServiceFlags(CLI::App* command, ServiceFlags* flags);

// The same without -o, for a command that writes a file of its own form.
void AddConnectionFlags(CLI::App* command, ServiceFlags* flags);

// Adds --join-timeout.
void AddJoinTimeoutFlag(CLI::App* command, double* seconds);

// Adds -o/--output text|json.
void AddFormatFlag(CLI::App* command, OutputFormat* format);

// A client for the flags' address and keys. A token may also be in
// HALFPIPE_TOKEN; there is no flag for one, because everybody on a machine can
// read the arguments of its processes.
[[nodiscard]] std::unique_ptr<TrainingClient> Connect(
    const ServiceFlags& flags, const CommandContext& context);

// OK when the service answers within the flags' time and knows the job. A watch
// would try for longer to reach one: it is made to outlast a restart. Codes:
// TrainingClient::GetJob's.
[[nodiscard]] absl::Status CheckIsThere(TrainingClient& client,
                                        const std::string& id);

// The folder with the other programs.
[[nodiscard]] absl::StatusOr<std::string> ProgramDirectory(
    const CommandContext& context);

// Adds --label K=V, which may be repeated; another form is a usage error.
void AddLabelFlag(CLI::App* command, const std::string& description,
                  std::vector<std::string>* labels);

// What AddLabelFlag collected, as a map.
[[nodiscard]] std::map<std::string, std::string> ParseLabels(
    const std::vector<std::string>& texts);

// Follows a job of a remote service until it ends and reports the end. An
// interrupt ends only the watching: kInterrupted, and the job goes on. A reader
// of `out` that leaves ends it too: kOk.
// Create no client before `signals`.
[[nodiscard]] absl::StatusOr<ExitCode> FollowRemotely(
    TrainingClient& client, SignalWatch& signals, const std::string& id,
    int64_t after_cursor, OutputFormat format, CommandContext& context);

// Adds --replace and --accept-data.
void AddResumeFlags(CLI::App* command, ResumeOptions* options);

// Says how a job ended: what it made on `out`, why it failed on `err`, and
// where to look ("" for nowhere).
[[nodiscard]] ExitCode ReportEnd(const Job& job, OutputFormat format,
                                 absl::string_view log_dir,
                                 CommandContext& context);

// The answer of a command that asks the service for one thing and does not
// wait for it: the job as JSON, or `text` as a line.
[[nodiscard]] ExitCode ReportAnswer(const Job& job, OutputFormat format,
                                    absl::string_view text,
                                    CommandContext& context);

// Passes finite numbers above 0. Another one is a usage error: "--timeout:
// expected a positive number of seconds, found '-1'". `what` is the thing
// expected, "a positive number of seconds". (CLI11's own check would answer
// "-1" with the largest double, all 309 digits of it.)
[[nodiscard]] CLI::Validator PositiveCheck(
    const std::string& what = "a positive number");

// The same for finite numbers from 0 on.
[[nodiscard]] CLI::Validator NotNegativeCheck(
    const std::string& what = "0 or a positive number");

inline constexpr char kPositiveSeconds[] = "a positive number of seconds";

// Makes `run(*options, context)` what the command does.
template <typename Options, typename Run>
void SetAction(CLI::App* command, CommandContext& context,
               const std::shared_ptr<Options>& options, Run run) {
  command->callback([options, run, &context] {
    context.action = [options, run, &context] {
      return run(*options, context);
    };
  });
}

// One for each file in client/commands.
void AddRunCommand(CLI::App& app, CommandContext& context);
void AddSubmitCommand(CLI::App& app, CommandContext& context);
void AddListCommand(CLI::App& app, CommandContext& context);
void AddShowCommand(CLI::App& app, CommandContext& context);
void AddWatchCommand(CLI::App& app, CommandContext& context);
void AddLogsCommand(CLI::App& app, CommandContext& context);
void AddJobCallCommands(CLI::App& app, CommandContext& context);
void AddStagesCommand(CLI::App& app, CommandContext& context);
void AddDemoCommand(CLI::App& app, CommandContext& context);
void AddVerifyCommand(CLI::App& app, CommandContext& context);
void AddBenchCommand(CLI::App& app, CommandContext& context);
void AddPlanCommand(CLI::App& app, CommandContext& context);
void AddRatesCommand(CLI::App& app, CommandContext& context);
void AddTraceCommand(CLI::App& app, CommandContext& context);
void AddPageCommand(CLI::App& app, CommandContext& context);
void AddConvertCommand(CLI::App& app, CommandContext& context);
void AddCheckCommand(CLI::App& app, CommandContext& context);
void AddPrepareCommand(CLI::App& app, CommandContext& context);
void AddDoctorCommand(CLI::App& app, CommandContext& context);
// These two print what they find in `app`: the tree of all commands.
void AddCompletionCommand(CLI::App& app, CommandContext& context);
void AddManualCommand(CLI::App& app, CommandContext& context);

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_COMMAND_H_
