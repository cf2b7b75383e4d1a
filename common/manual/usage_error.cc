#include "common/manual/usage_error.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/nearest.h"
#include "common/base/printable_text.h"
#include "common/manual/man_page.h"

namespace halfpipe {
namespace {

// The command that was being parsed, and what is typed before its name.
struct ParsedCommand {
  const CLI::App* app;
  std::string prefix;  // "halfpipe "; "" for the root
  std::string name;
};

ParsedCommand InnermostOf(const CLI::App& app, const std::string& program) {
  ParsedCommand command{&app, "", program};
  while (!command.app->get_subcommands().empty()) {
    absl::StrAppend(&command.prefix, command.name, " ");
    command.app = command.app->get_subcommands().back();
    command.name = command.app->get_name();
  }
  return command;
}

// The option whose name `text` begins with; null: none. A name may be the
// beginning of another one.
const CLI::Option* OptionNamedBy(absl::string_view text, const CLI::App& app) {
  const CLI::Option* found = nullptr;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (name.empty() || !absl::StartsWith(text, name)) continue;
    if (found == nullptr || name.size() > found->get_name().size()) {
      found = option;
    }
  }
  return found;
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", PrintableText(text), "'");
}

std::string UnknownOption(const std::string& argument, const CLI::App& app) {
  // "--limt=5" is the option and its value.
  const std::string name = argument.substr(0, argument.find('='));
  std::vector<std::string> names;
  for (const OptionText& option : ReadCommandTree(app, "").options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  const std::optional<std::string> nearest = Nearest(name, names);
  return absl::StrCat("there is no option ", Quoted(name),
                      nearest.has_value()
                          ? absl::StrCat("; did you mean '", *nearest, "'?")
                          : "");
}

bool IsOption(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-';
}

// What nothing in the command takes; nullopt: every argument was taken.
std::optional<std::string> ExtraArgument(const CLI::App& root,
                                         const ParsedCommand& command) {
  const std::vector<std::string> extras = root.remaining(/*recurse=*/true);
  if (extras.empty()) return std::nullopt;
  // What follows an unknown option is often its value.
  const auto option = absl::c_find_if(extras, IsOption);
  if (option != extras.end()) return UnknownOption(*option, *command.app);
  return absl::StrCat("the argument ", Quoted(extras.front()),
                      " is one too many: leave it out, or quote what belongs "
                      "together");
}

std::string MissingArgument(const std::string& words,
                            const ParsedCommand& command) {
  const CLI::Option* option = OptionNamedBy(words, *command.app);
  if (option != nullptr) {
    return absl::StrCat(option->get_name(),
                        " is required: ", option->get_description());
  }
  std::vector<std::string> names;
  for (const CommandText& inner : ReadCommandTree(*command.app, "").commands) {
    names.push_back(inner.name);
  }
  return absl::StrCat("say which command of it: ", absl::StrJoin(names, ", "));
}

// The parser's word for a type, as people say it.
std::string KindOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (absl::StartsWith(type, "UINT")) return "a whole number from 0 on";
  if (absl::StartsWith(type, "INT")) return "a whole number";
  if (absl::StartsWith(type, "FLOAT")) return "a number";
  return "another value";
}

std::string Expected(const std::string& name, const std::string& what,
                     const CLI::Option& option) {
  const std::string found =
      option.results().empty() ? "" : Quoted(option.results().back());
  return absl::StrCat(name, ": expected ", what,
                      found.empty() ? "" : absl::StrCat(", found ", found));
}

// A value that was read and is none that the option takes.
std::string WrongValue(const std::string& words, bool is_unread,
                       const ParsedCommand& command) {
  const CLI::Option* option = OptionNamedBy(
      absl::StripPrefix(words, "Could not convert: "), *command.app);
  if (option == nullptr) return words;
  const std::string name = option->get_name();
  const std::vector<std::string> choices = ReadOption(*option).choices;
  if (!choices.empty()) {
    return Expected(name, absl::StrCat("one of ", absl::StrJoin(choices, ", ")),
                    *option);
  }
  // What our own checks say.
  return is_unread ? Expected(name, KindOf(*option), *option) : words;
}

std::string WrongCount(const std::string& words, const ParsedCommand& command) {
  const CLI::Option* option = OptionNamedBy(words, *command.app);
  if (option == nullptr) return words;
  const std::string name = option->get_name();
  if (absl::StrContains(words, "flag override")) {
    return absl::StrCat(name, " takes no value: leave it out");
  }
  if (absl::StrContains(words, "At Most")) {
    return absl::StrCat(name, " was given more than once: give it once");
  }
  const std::string what = option->get_description();
  return absl::StrCat(name, " needs a value behind it",
                      what.empty() ? "" : absl::StrCat(": ", what));
}

// "--dtype requires --to".
std::string Relation(const std::string& words) {
  const std::vector<std::string> needs = absl::StrSplit(words, " requires ");
  if (needs.size() == 2) {
    return absl::StrCat(needs[0], " goes only with ", needs[1],
                        ": give that too, or leave it out");
  }
  const std::vector<std::string> others = absl::StrSplit(words, " excludes ");
  if (others.size() != 2) return words;
  return absl::StrCat(others[0], " and ", others[1],
                      " do not go together: leave one of them out");
}

std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error,
                        const ParsedCommand& command) {
  const std::string words = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    return ExtraArgument(app, command).value_or(words);
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    // A misspelt option leaves the right one missing.
    const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
    return absl::c_any_of(extras, IsOption)
               ? ExtraArgument(app, command).value_or(words)
               : MissingArgument(words, command);
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return WrongCount(words, command);
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    return WrongValue(words, /*is_unread=*/true, command);
  }
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
    return WrongValue(words, /*is_unread=*/false, command);
  }
  return Relation(words);
}

}  // namespace

std::string UsageErrorText(const CLI::App& app, const CLI::ParseError& error,
                           const std::string& program) {
  const ParsedCommand command = InnermostOf(app, program);
  const std::string usage =
      SynopsisOf(ReadCommandTree(*command.app, command.name), command.prefix);
  return absl::StrCat(PrintableLines(WhatIsWrong(app, error, command)),
                      "\n  usage: ", usage, " (", command.prefix, command.name,
                      " --help says more)");
}

bool ReportParseResult(const CLI::App& app, const CLI::ParseError& error,
                       const std::string& program, std::ostream& out,
                       std::ostream& err) {
  if (error.get_exit_code() == 0) {
    (void)app.exit(error, out, err);
    return true;
  }
  err << program << ": " << UsageErrorText(app, error, program) << "\n";
  return false;
}

}  // namespace halfpipe
