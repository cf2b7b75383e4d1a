// Shell completion for a program, from its parser.
#ifndef HP_CLIENT_COMMANDS_SHELL_COMPLETION_H_
#define HP_CLIENT_COMMANDS_SHELL_COMPLETION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "common/manual/man_page.h"

namespace halfpipe {

enum class Shell { kBash, kZsh, kFish };

// A script that teaches `shell` the program's commands, their options and the
// values of those that take a few. Where nothing of these fits it offers files.
[[nodiscard]] std::string CompletionScript(const CommandText& program,
                                           Shell shell);

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_SHELL_COMPLETION_H_
