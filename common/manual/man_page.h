// A program's manual page (section 1, roff), from its parser.
#ifndef HP_COMMON_MANUAL_MAN_PAGE_H_
#define HP_COMMON_MANUAL_MAN_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "common/manual/command_tree.h"

namespace halfpipe {

// What a parser does not know.
struct ManPageText {
  std::string about = {};  // more than the parser's one line; may be empty
  std::vector<std::pair<std::string, std::string>> exit_codes = {};
  std::vector<std::string> see_also = {};  // "halfpipe(1)"
};

// The page. Names no version and no date: it changes when the program's
// options do, and with nothing else.
[[nodiscard]] std::string ManPage(const CommandText& program,
                                  const ManPageText& text);

// What the daemons end with (docs/cli.md), and what a supervisor makes of it.
[[nodiscard]] std::vector<std::pair<std::string, std::string>>
DaemonExitCodes();

// Adds a hidden --manual to a daemon's parser: prints its page and ends with
// exit code 0. `name` is the page's, as a stage has one for both programs.
void AddManualFlag(CLI::App& app, const std::string& name, ManPageText text);

}  // namespace halfpipe

#endif  // HP_COMMON_MANUAL_MAN_PAGE_H_
