// The commands that work on files and on this machine, beside those of
// command.h, which run jobs.
#ifndef HP_CLIENT_TOOL_COMMANDS_H_
#define HP_CLIENT_TOOL_COMMANDS_H_

#include "client/command.h"

namespace halfpipe {

void AddConvertCommand(CLI::App& app, CommandContext& context);
void AddCheckCommand(CLI::App& app, CommandContext& context);
void AddPrepareCommand(CLI::App& app, CommandContext& context);
void AddDoctorCommand(CLI::App& app, CommandContext& context);
// These two print what they find in `app`: the tree of all commands.
void AddCompletionCommand(CLI::App& app, CommandContext& context);
void AddManualCommand(CLI::App& app, CommandContext& context);

}  // namespace halfpipe

#endif  // HP_CLIENT_TOOL_COMMANDS_H_
