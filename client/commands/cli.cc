#include "client/commands/cli.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "common/base/nearest.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"
#include "common/base/valid_text.h"
#include "common/build_info/build_info.h"
#include "common/manual/usage_error.h"

namespace halfpipe {
namespace {

// In the order of --help, whose headings come in the order of their first
// commands.
void AddCommands(CLI::App& app, CommandContext& context) {
  AddDemoCommand(app, context);
  AddRunCommand(app, context);
  AddCheckCommand(app, context);
  AddPrepareCommand(app, context);
  AddPlanCommand(app, context);
  AddListCommand(app, context);
  AddShowCommand(app, context);
  AddWatchCommand(app, context);
  AddLogsCommand(app, context);
  AddPageCommand(app, context);
  AddTraceCommand(app, context);
  AddSubmitCommand(app, context);
  AddJobCallCommands(app, context);
  AddStagesCommand(app, context);
  AddConvertCommand(app, context);
  AddDoctorCommand(app, context);
  AddBenchCommand(app, context);
  AddVerifyCommand(app, context);
  AddRatesCommand(app, context);
  AddCompletionCommand(app, context);
  AddManualCommand(app, context);
}

// The headings of --help.
void GroupCommands(CLI::App& app) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> groups = {
      {"Train", {"demo", "run", "check", "prepare", "plan"}},
      {"Look", {"list", "show", "watch", "logs", "page", "trace"}},
      {"Service",
       {"submit", "cancel", "pause", "resume", "save", "delete", "stages"}},
      {"Tools",
       {"convert", "doctor", "bench", "verify", "rates", "completion"}}};
  for (const auto& [heading, names] : groups) {
    for (const std::string& name : names) {
      app.get_subcommand(name)->group(heading);
    }
  }
}

// The commands' help has the longer names of options; this one's fits into 80
// columns.
void NarrowHelp(CLI::App& app) {
  constexpr size_t kNameColumns = 14;
  const auto formatter = std::make_shared<CLI::Formatter>();
  formatter->column_width(kNameColumns);
  app.formatter(formatter);
}

// What `halfpipe` alone says.
int SayWhatToTypeFirst(std::ostream& err) {
  err << "halfpipe: say what to do. To begin:\n"
         "  halfpipe doctor          is this machine fit for it?\n"
         "  halfpipe demo            trains a tiny model, to see that all "
         "works\n"
         "  halfpipe plan JOB.yaml   memory and time of a job, before it runs\n"
         "  halfpipe run JOB.yaml    trains it\n"
         "  halfpipe --help          every command\n";
  return static_cast<int>(ExitCode::kUsage);
}

// CLI11 would only say that a subcommand is missing. OK when the first argument
// is an option or a command.
absl::Status CheckCommandName(const CLI::App& app, int argc,
                              const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-' || argv[1][0] == '\0') {
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == argv[1]) return absl::OkStatus();
    names.push_back(command->get_name());
  }
  const auto nearest = Nearest(argv[1], names);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no command '", argv[1], "'",
                   nearest.has_value()
                       ? absl::StrCat("; did you mean '", *nearest, "'?")
                       : absl::StrCat(" (", absl::StrJoin(names, ", "), ")")));
}

// What a failed command says; never nothing, and nothing that a terminal cannot
// show.
int Fail(const absl::Status& status, CommandContext& context) {
  const absl::string_view message =
      absl::StripTrailingAsciiWhitespace(status.message());
  context.err << "halfpipe: "
              << (message.empty()
                      ? absl::StrCat("failed without a reason (",
                                     absl::StatusCodeToString(status.code()),
                                     ")")
                      : PrintableLines(message, ""))
              << "\n";
  return static_cast<int>(ExitCodeFor(status));
}

// Commands that only read and write files: their names may be any bytes.
bool IsLocal(absl::string_view command) {
  return command == "convert" || command == "verify" || command == "manual" ||
         command == "completion" || command == "doctor";
}

// The other commands tell a service their arguments, as text.
absl::Status CheckArguments(int argc, const char* const* argv) {
  if (argc < 2 || IsLocal(argv[1])) return absl::OkStatus();
  for (int i = 1; i < argc; ++i) {
    if (!FirstInvalidByte(argv[i]).has_value()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the argument '", ValidText(argv[i]),
                     "' is not UTF-8 text: rename the file or folder"));
  }
  return absl::OkStatus();
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, std::ostream& out,
                   std::ostream& err, const CommandEnvironment& environment) {
  if (argc < 2) return SayWhatToTypeFirst(err);
  CommandContext context{
      .out = out, .err = err, .environment = environment, .action = nullptr};
  CLI::App app(
      "Fine-tunes Wan video diffusion transformers with LoRA on two GPUs.",
      "halfpipe");
  app.set_version_flag("--version", VersionText("halfpipe"));
  app.require_subcommand(1);
  AddCommands(app, context);
  GroupCommands(app);
  NarrowHelp(app);
  if (const absl::Status valid = CheckArguments(argc, argv); !valid.ok()) {
    return Fail(valid, context);
  }
  if (const absl::Status name = CheckCommandName(app, argc, argv); !name.ok()) {
    err << "halfpipe: " << name.message() << "\n";
    return static_cast<int>(ExitCode::kUsage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(ReportParseResult(app, error, "halfpipe", out, err)
                                ? ExitCode::kOk
                                : ExitCode::kUsage);
  }
  const absl::StatusOr<ExitCode> code = context.action();
  if (!code.ok()) return Fail(code.status(), context);
  return static_cast<int>(*code);
}

}  // namespace halfpipe
