#include "common/config/field.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace halfpipe {
namespace {

bool IsPlainCharacter(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("_./-", c);
}

// Words that some YAML version does not take for a string.
bool IsReservedWord(absl::string_view text) {
  for (absl::string_view word :
       {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  return false;
}

std::string Found(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (!node.IsScalar()) return "nothing";
  constexpr size_t kLongest = 60;
  std::string text = node.Scalar();
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return absl::StrCat("'", text, "'");
}

}  // namespace

std::string Field::section() const {
  size_t dot = key.rfind('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

std::string Field::leaf() const { return key.substr(key.rfind('.') + 1); }

std::string ExpectedFound(absl::string_view what, const YAML::Node& node) {
  return absl::StrCat("expected ", what, ", found ", Found(node));
}

std::string YamlScalar(absl::string_view text) {
  bool plain = !text.empty() && !IsReservedWord(text) &&
               (absl::ascii_isalpha(text[0]) || text[0] == '/') &&
               std::all_of(text.begin(), text.end(), IsPlainCharacter);
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (absl::ascii_iscntrl(c)) {
      absl::StrAppendFormat(&quoted, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string WriteFields(const std::vector<Field>& fields) {
  std::string yaml;
  std::vector<std::string> open;  // the sections that the last line was in
  for (const Field& field : fields) {
    std::vector<std::string> path =
        absl::StrSplit(field.section(), '.', absl::SkipEmpty());
    size_t shared = 0;
    while (shared < std::min(open.size(), path.size()) &&
           open[shared] == path[shared]) {
      ++shared;
    }
    for (size_t i = shared; i < path.size(); ++i) {
      absl::StrAppend(&yaml, std::string(2 * i, ' '), path[i], ":\n");
    }
    absl::StrAppend(&yaml, std::string(2 * path.size(), ' '), field.leaf(),
                    ": ", field.value->Write(), "\n");
    open = std::move(path);
  }
  return yaml;
}

}  // namespace halfpipe
