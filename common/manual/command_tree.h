// A program's commands and options as plain values, read out of its parser.
#ifndef HP_COMMON_MANUAL_COMMAND_TREE_H_
#define HP_COMMON_MANUAL_COMMAND_TREE_H_

#include <string>
#include <vector>

namespace CLI {
class App;
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

// Reads the whole tree. `name` takes the place of the root's own.
[[nodiscard]] CommandText ReadCommandTree(const CLI::App& app,
                                          const std::string& name);

// "halfpipe plan [OPTIONS] JOB"; --help alone makes no [OPTIONS].
[[nodiscard]] std::string SynopsisOf(const CommandText& command,
                                     const std::string& prefix);

}  // namespace halfpipe

#endif  // HP_COMMON_MANUAL_COMMAND_TREE_H_
