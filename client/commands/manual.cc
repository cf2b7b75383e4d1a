// halfpipe manual (hidden): the manual page, from the commands of this very
// program. scripts/manual calls it.
#include <CLI/CLI.hpp>

#include "client/commands/command.h"
#include "common/manual/man_page.h"

namespace halfpipe {

void AddManualCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("manual", "Print the manual page")->group("");
  command->callback([&app, &context] {
    context.action = [&app, &context]() -> absl::StatusOr<ExitCode> {
      const ManPageText text = {
          .about =
              "Trains a LoRA on this machine (run), or talks to a running "
              "halfpipe service (submit, watch, ...). The keys of a job file "
              "are in docs/config.md of the distribution, the rules of a "
              "service in docs/jobs.md.",
          .exit_codes = {{"0", "Done. verify: it holds"},
                         {"1",
                          "The job failed. verify: it differs. doctor: "
                          "something does not work"},
                         {"2", "Wrong usage"},
                         {"3",
                          "Invalid config, data, golden file or model, or no "
                          "such job"},
                         {"4", "The service cannot be reached"},
                         {"5", "Refused: not authorised"},
                         {"6", "The job was cancelled"},
                         {"130", "Interrupted"}},
          .see_also = {"halfpipe-coordinator(1)", "halfpipe-stage(1)"}};
      context.out << ManPage(ReadCommandTree(app, "halfpipe"), text);
      return ExitCode::kOk;
    };
  });
}

}  // namespace halfpipe
