#include "client/commands/shell_completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

std::vector<std::string> CommandNames(const CommandText& program) {
  std::vector<std::string> names;
  for (const CommandText& command : program.commands) {
    names.push_back(command.name);
  }
  return names;
}

std::vector<std::string> OptionNames(const CommandText& command) {
  std::vector<std::string> names;
  for (const OptionText& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// Within single quotes of any of the three shells.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// --- bash -------------------------------------------------------------------

// `COMMAND -o`: the options of one command whose values are known, and of those
// that take another value (a file, mostly).
void AppendBashValues(const CommandText& command, std::string* script) {
  for (const OptionText& option : command.options) {
    if (option.names.empty() || option.value.empty()) continue;
    for (const std::string& name : option.names) {
      absl::StrAppend(script, "    ", Quoted(command.name + " " + name), ") ",
                      option.choices.empty()
                          ? "return"
                          : absl::StrCat("words=", Quoted(absl::StrJoin(
                                                       option.choices, " "))),
                      " ;;\n");
    }
  }
}

std::string BashScript(const CommandText& program) {
  std::string script = absl::StrCat(
      "# bash completion for ", program.name, "\n_", program.name,
      "() {\n  local cur=${COMP_WORDS[COMP_CWORD]}"
      " prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
      "  local words=''\n  COMPREPLY=()\n  if ((COMP_CWORD == 1)); then\n"
      "    words=",
      Quoted(absl::StrJoin(CommandNames(program), " ") + " " +
             absl::StrJoin(OptionNames(program), " ")),
      "\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "    return\n  fi\n  case \"$command $prev\" in\n");
  for (const CommandText& command : program.commands) {
    AppendBashValues(command, &script);
  }
  absl::StrAppend(&script, "  esac\n  if [[ -z $words && $cur == -* ]]; then\n",
                  "    case \"$command\" in\n");
  for (const CommandText& command : program.commands) {
    absl::StrAppend(&script, "      ", command.name, ") words=",
                    Quoted(absl::StrJoin(OptionNames(command), " ")), " ;;\n");
  }
  absl::StrAppend(&script,
                  "    esac\n  fi\n"
                  "  [[ -z $words ]] && return\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
                  "complete -o default -F _",
                  program.name, " ", program.name, "\n");
  return script;
}

// --- zsh --------------------------------------------------------------------

// What _arguments reads as a separator or the end of an explanation.
std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

std::string ZshArgument(const OptionText& option) {
  const std::string values =
      option.choices.empty()
          ? "_files"
          : absl::StrCat("(", absl::StrJoin(option.choices, " "), ")");
  const std::string value =
      option.value.empty()
          ? ""
          : absl::StrCat(":", ZshText(option.value), ":", values);
  if (option.names.empty()) return Quoted("*:" + option.value + ":" + values);
  std::string head;
  std::string tail = absl::StrCat("[", ZshText(option.description), "]", value);
  if (option.names.size() == 1) return Quoted(option.names.front() + tail);
  return absl::StrCat(
      Quoted(absl::StrCat("(", absl::StrJoin(option.names, " "), ")")), "{",
      absl::StrJoin(option.names, ","), "}", Quoted(tail));
}

std::string ZshScript(const CommandText& program) {
  std::string script =
      absl::StrCat("#compdef ", program.name, "\n_", program.name,
                   "() {\n  local -a commands\n  commands=(\n");
  for (const CommandText& command : program.commands) {
    absl::StrAppend(
        &script, "    ",
        Quoted(absl::StrCat(command.name, ":", ZshText(command.description))),
        "\n");
  }
  absl::StrAppend(&script,
                  "  )\n  if ((CURRENT == 2)); then\n"
                  "    _describe command commands\n    return\n  fi\n"
                  "  local command=$words[2]\n"
                  "  shift words\n  ((CURRENT--))\n"
                  "  case $command in\n");
  for (const CommandText& command : program.commands) {
    absl::StrAppend(&script, "    ", command.name, ")\n      _arguments");
    for (const OptionText& option : command.options) {
      absl::StrAppend(&script, " \\\n        ", ZshArgument(option));
    }
    absl::StrAppend(&script, "\n      ;;\n");
  }
  absl::StrAppend(&script, "  esac\n}\n", "if [ \"$funcstack[1]\" = _",
                  program.name, " ]; then\n  _", program.name,
                  " \"$@\"\nelse\n  compdef _", program.name, " ", program.name,
                  "\nfi\n");
  return script;
}

// --- fish -------------------------------------------------------------------

void AppendFishOption(const std::string& program, const std::string& condition,
                      const OptionText& option, std::string* script) {
  if (option.names.empty()) return;
  absl::StrAppend(script, "complete -c ", program, " -n ", Quoted(condition));
  for (const std::string& name : option.names) {
    absl::string_view bare = name;
    if (absl::ConsumePrefix(&bare, "--")) {
      absl::StrAppend(script, " -l ", bare);
    } else if (absl::ConsumePrefix(&bare, "-")) {
      absl::StrAppend(script, " -s ", bare);
    }
  }
  if (!option.choices.empty()) {
    absl::StrAppend(script, " -x -a ",
                    Quoted(absl::StrJoin(option.choices, " ")));
  } else if (!option.value.empty()) {
    absl::StrAppend(script, " -r");
  }
  absl::StrAppend(script, " -d ", Quoted(option.description), "\n");
}

std::string FishScript(const CommandText& program) {
  std::string script =
      absl::StrCat("# fish completion for ", program.name, "\n");
  const std::string none =
      absl::StrCat("not __fish_seen_subcommand_from ",
                   absl::StrJoin(CommandNames(program), " "));
  for (const OptionText& option : program.options) {
    AppendFishOption(program.name, none, option, &script);
  }
  for (const CommandText& command : program.commands) {
    absl::StrAppend(&script, "complete -c ", program.name, " -n ", Quoted(none),
                    " -f -a ", command.name, " -d ",
                    Quoted(command.description), "\n");
    for (const OptionText& option : command.options) {
      AppendFishOption(program.name,
                       "__fish_seen_subcommand_from " + command.name, option,
                       &script);
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(const CommandText& program, Shell shell) {
  switch (shell) {
    case Shell::kBash:
      return BashScript(program);
    case Shell::kZsh:
      return ZshScript(program);
    case Shell::kFish:
      return FishScript(program);
  }
  return "";
}

}  // namespace halfpipe
