// halfpipe-coordinator token add | list | remove: the token file by hand.
#ifndef HP_COORDINATOR_API_TOKEN_COMMAND_H_
#define HP_COORDINATOR_API_TOKEN_COMMAND_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"

namespace CLI {
class App;
}  // namespace CLI

namespace halfpipe {

// A named subcommand's work, which prints its result on standard output. Null
// until the parser has seen one.
using TokenAction = std::function<absl::Status()>;

// Registers `token` and its subcommands; `action`, which outlives the parsing,
// is set to the one that was named. Edits ask the coordinators that follow the
// file to read it and say on standard error whether they did; Unavailable: one
// did not, so that the tokens from before go on working there.
void AddTokenCommand(CLI::App& app, TokenAction* action);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_TOKEN_COMMAND_H_
