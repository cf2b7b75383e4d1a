#include "common/manual/command_tree.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace halfpipe {
namespace {

// A set's check describes itself as "{a,b}".
std::vector<std::string> ChoicesIn(const std::string& type) {
  const size_t begin = type.find('{');
  const size_t end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return absl::StrSplit(type.substr(begin + 1, end - begin - 1), ',',
                        absl::SkipEmpty());
}

// What stands for the option's value.
std::string ValueText(const CLI::Option& option, bool has_choices) {
  if (!option.get_option_text().empty()) return option.get_option_text();
  if (option.get_items_expected_max() == 0) return "";
  if (option.get_positional()) {
    return absl::AsciiStrToUpper(option.get_name(/*positional=*/true));
  }
  // The parser's own word, TEXT or INT, without what its checks add.
  const std::string type = option.get_type_name();
  const std::string word = type.substr(0, type.find(':'));
  return word.empty() || has_choices ? "VALUE" : word;
}

OptionText ReadOption(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) {
    text.names.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    text.names.push_back("--" + name);
  }
  text.choices = ChoicesIn(option.get_type_name());
  text.value = ValueText(option, !text.choices.empty());
  text.description = option.get_description();
  text.default_value = option.get_default_str();
  text.variable = option.get_envname();
  text.required = option.get_required();
  return text;
}

}  // namespace

CommandText ReadCommandTree(const CLI::App& app, const std::string& name) {
  CommandText text{.name = name,
                   .description = app.get_description(),
                   .options = {},
                   .commands = {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    text.options.push_back(ReadOption(*option));
  }
  const auto all = [](const CLI::App*) { return true; };
  for (const CLI::App* command : app.get_subcommands(all)) {
    if (command->get_group().empty()) continue;
    text.commands.push_back(ReadCommandTree(*command, command->get_name()));
  }
  return text;
}

std::string SynopsisOf(const CommandText& command, const std::string& prefix) {
  std::string text = absl::StrCat(prefix, command.name);
  std::string positionals;
  bool optional = false;
  for (const OptionText& option : command.options) {
    if (option.names.empty()) {
      absl::StrAppend(&positionals, option.required ? " " : " [", option.value,
                      option.required ? "" : "]");
    } else if (option.required) {
      absl::StrAppend(&text, " ", option.names.back(), " ", option.value);
    } else if (option.names.back() != "--help") {
      optional = true;
    }
  }
  if (optional) absl::StrAppend(&text, " [OPTIONS]");
  absl::StrAppend(&text, positionals);
  if (!command.commands.empty()) absl::StrAppend(&text, " COMMAND");
  return text;
}

}  // namespace halfpipe
