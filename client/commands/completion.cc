// halfpipe completion SHELL: a script for bash, zsh or fish, from the commands
// of this very program.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>

#include "client/commands/command.h"
#include "client/commands/shell_completion.h"

namespace halfpipe {

void AddCompletionCommand(CLI::App& app, CommandContext& context) {
  const auto shell = std::make_shared<Shell>(Shell::kBash);
  CLI::App* command = app.add_subcommand(
      "completion", "Print a shell's completion script for halfpipe");
  const std::map<std::string, Shell> names = {
      {"bash", Shell::kBash}, {"zsh", Shell::kZsh}, {"fish", Shell::kFish}};
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->transform(CLI::CheckedTransformer(names).description("{bash,zsh,fish}"))
      ->option_text("SHELL")
      ->required();
  command->callback([shell, &app, &context] {
    context.action = [shell, &app, &context]() -> absl::StatusOr<ExitCode> {
      context.out << CompletionScript(ReadCommandTree(app, "halfpipe"), *shell);
      return ExitCode::kOk;
    };
  });
}

}  // namespace halfpipe
