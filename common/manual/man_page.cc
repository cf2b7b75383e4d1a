#include "common/manual/man_page.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

// Roff's own signs, and hyphens that must stay hyphens to be copied.
std::string Escape(const std::string& text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  // A line that begins with one of these would be a request.
  if (absl::StartsWith(escaped, ".") || absl::StartsWith(escaped, "'")) {
    return "\\&" + escaped;
  }
  return escaped;
}

std::string Bold(const std::string& text) {
  return absl::StrCat("\\fB", Escape(text), "\\fR");
}

std::string Italic(const std::string& text) {
  return absl::StrCat("\\fI", Escape(text), "\\fR");
}

// "-o, --output FORMAT".
std::string OptionHead(const OptionText& option) {
  std::string names =
      absl::StrJoin(option.names, ", ", [](std::string* out, const auto& name) {
        absl::StrAppend(out, Bold(name));
      });
  if (option.names.empty()) return Italic(option.value);
  if (option.value.empty()) return names;
  return absl::StrCat(names, " ", Italic(option.value));
}

std::string Sentence(const std::string& text) {
  if (text.empty() || absl::EndsWith(text, ".")) return text;
  return text + ".";
}

void AppendOption(const OptionText& option, std::string* page) {
  absl::StrAppend(page, ".TP\n", OptionHead(option), "\n",
                  Escape(Sentence(option.description)), "\n");
  if (!option.choices.empty()) {
    absl::StrAppend(page, "One of ",
                    Escape(absl::StrJoin(option.choices, ", ")), ".\n");
  }
  if (!option.default_value.empty()) {
    absl::StrAppend(page, "Default: ", Escape(option.default_value), ".\n");
  }
  if (option.required && !option.names.empty()) {
    absl::StrAppend(page, "Must be given.\n");
  }
}

bool IsHelp(const OptionText& option) {
  return !option.names.empty() && option.names.back() == "--help";
}

void AppendCommand(const CommandText& command, const std::string& prefix,
                   std::string* page) {
  absl::StrAppend(page, ".SS ", Escape(SynopsisOf(command, prefix)), "\n",
                  Escape(Sentence(command.description)), "\n");
  for (const OptionText& option : command.options) {
    if (!IsHelp(option)) AppendOption(option, page);
  }
  for (const CommandText& inner : command.commands) {
    AppendCommand(inner, absl::StrCat(prefix, command.name, " "), page);
  }
}

void CollectVariables(const CommandText& command,
                      std::map<std::string, std::string>* variables) {
  for (const OptionText& option : command.options) {
    if (!option.variable.empty()) {
      (*variables)[option.variable] = option.names.back();
    }
  }
  for (const CommandText& inner : command.commands) {
    CollectVariables(inner, variables);
  }
}

void AppendVariables(const CommandText& program, std::string* page) {
  std::map<std::string, std::string> variables;
  CollectVariables(program, &variables);
  if (variables.empty()) return;
  absl::StrAppend(page, ".SH ENVIRONMENT\n");
  for (const auto& [variable, option] : variables) {
    absl::StrAppend(page, ".TP\n", Bold(variable), "\nIn place of ",
                    Bold(option), ".\n");
  }
}

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

}  // namespace

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

std::string ManPage(const CommandText& program, const ManPageText& text) {
  std::string page = absl::StrCat(
      ".\\\" Written by the program itself: scripts/manual\n.TH ",
      absl::AsciiStrToUpper(program.name), " 1 \"\" halfpipe\n.SH NAME\n",
      Escape(program.name), " \\- ",
      Escape(std::string(absl::StripSuffix(program.description, "."))),
      "\n.SH SYNOPSIS\n", Bold(SynopsisOf(program, "")), "\n");
  if (!text.about.empty()) {
    absl::StrAppend(&page, ".SH DESCRIPTION\n", Escape(text.about), "\n");
  }
  absl::StrAppend(&page, ".SH OPTIONS\n");
  for (const OptionText& option : program.options) AppendOption(option, &page);
  if (!program.commands.empty()) absl::StrAppend(&page, ".SH COMMANDS\n");
  for (const CommandText& command : program.commands) {
    AppendCommand(command, program.name + " ", &page);
  }
  AppendVariables(program, &page);
  if (!text.exit_codes.empty()) absl::StrAppend(&page, ".SH EXIT STATUS\n");
  for (const auto& [code, meaning] : text.exit_codes) {
    absl::StrAppend(&page, ".TP\n", Bold(code), "\n", Escape(Sentence(meaning)),
                    "\n");
  }
  if (!text.see_also.empty()) {
    absl::StrAppend(&page, ".SH SEE ALSO\n",
                    Escape(absl::StrJoin(text.see_also, ", ")), "\n");
  }
  return page;
}

std::vector<std::pair<std::string, std::string>> DaemonExitCodes() {
  return {{"0", "Stopped in order"},
          {"2", "Wrong usage, or an address that is taken: not restarted"},
          {"3", "Invalid config or state: not restarted"},
          {"69", "The device is missing, or its driver is too old"},
          {"75", "Try again: a supervisor starts it anew"}};
}

void AddManualFlag(CLI::App& app, const std::string& name, ManPageText text) {
  app.add_flag_callback(
         "--manual",
         [&app, name, text = std::move(text)] {
           std::cout << ManPage(ReadCommandTree(app, name), text);
           throw CLI::Success();  // how --help ends too
         },
         "Print the manual page")
      ->group("");
}

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
