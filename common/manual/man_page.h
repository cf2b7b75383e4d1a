// A program's commands and options as plain values, read out of its parser, and
// its manual page (section 1, roff), which is made of them.
#ifndef HP_COMMON_MANUAL_MAN_PAGE_H_
#define HP_COMMON_MANUAL_MAN_PAGE_H_

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace halfpipe {

struct OptionText {
  std::vector<std::string> names;    // "-o", "--output"; empty: positional
  std::string value;                 // "FORMAT", "JOB.yaml"; empty: a flag
  std::vector<std::string> choices;  // the only values that are taken, if few
  std::string description;
  std::string default_value;  // empty: none
  std::string variable;       // of the environment, in place of the option
  bool required = false;
};

struct CommandText {
  std::string name;
  std::string description;
  std::vector<OptionText> options;  // hidden ones left out, --help kept
  std::vector<CommandText> commands;
};

[[nodiscard]] OptionText ReadOption(const CLI::Option& option);

// Reads the whole tree. `name` takes the place of the root's own.
[[nodiscard]] CommandText ReadCommandTree(const CLI::App& app,
                                          const std::string& name);

// "halfpipe plan [OPTIONS] JOB"; --help alone makes no [OPTIONS].
[[nodiscard]] std::string SynopsisOf(const CommandText& command,
                                     const std::string& prefix);

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
