// halfpipe-coordinator token add | list | remove: the token file by hand.
#ifndef HP_COORDINATOR_TOKEN_COMMAND_H_
#define HP_COORDINATOR_TOKEN_COMMAND_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace CLI {
class App;
}  // namespace CLI

namespace halfpipe {

// A named subcommand's work, which prints its result on standard output. Null
// until the parser has seen one.
using TokenAction = std::function<absl::Status()>;

// Registers `token` and its subcommands; `action`, which outlives the parsing,
// is set to the one that was named. A running coordinator follows the file, so
// none of them talks to it.
void AddTokenCommand(CLI::App& app, TokenAction* action);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_TOKEN_COMMAND_H_
