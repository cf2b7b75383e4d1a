// The `halfpipe` command line as a function.
#ifndef HP_CLIENT_COMMANDS_CLI_H_
#define HP_CLIENT_COMMANDS_CLI_H_

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "client/jobs/terminal.h"
#include "client/jobs/training_client.h"

namespace halfpipe {

// What a test puts in the place of the outside world.
struct CommandEnvironment {
  std::function<std::unique_ptr<TrainingClient>(const TrainingClientOptions&)>
      connect = NewTrainingClient;
  // Where halfpipe-coordinator and the stages are; empty: beside this program.
  std::string program_dir;
  // Shows a page to the person at the terminal; false: nobody could be shown
  // one. Null: nobody is to be.
  std::function<bool(const std::string& url)> open_url = nullptr;
  // The width of the terminal that shows a table; nullopt: none shows it.
  std::function<std::optional<int>()> columns = TerminalColumns;
};

// Parses and runs one command; returns the process's exit code. Results go to
// `out`, errors and hints to `err`. Not thread-safe: it may block signals.
[[nodiscard]] int RunCommandLine(int argc, const char* const* argv,
                                 std::ostream& out, std::ostream& err,
                                 const CommandEnvironment& environment = {});

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_CLI_H_
