#include "common/config/field.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

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

absl::string_view KeyClassName(KeyClass key_class) {
  switch (key_class) {
    case KeyClass::kFree:
      return "free";
    case KeyClass::kDecides:
      return "decides";
    case KeyClass::kContent:
      return "content";
    case KeyClass::kMachine:
      return "machine";
    case KeyClass::kExtends:
      return "extends";
  }
  return "";
}

absl::string_view Field::section() const {
  const size_t dot = key.rfind('.');
  return dot == absl::string_view::npos ? "" : key.substr(0, dot);
}

absl::string_view Field::leaf() const { return key.substr(key.rfind('.') + 1); }

bool IsWithin(absl::string_view section, absl::string_view outer) {
  return absl::StartsWith(section, outer) &&
         (section.size() == outer.size() || section[outer.size()] == '.');
}

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
  absl::string_view open;  // the section that the last line was in
  for (const Field& field : fields) {
    size_t depth = 0;
    // Of the sections around the field, from the outermost: those that are not
    // open yet.
    for (size_t end = field.key.find('.'); end != absl::string_view::npos;
         end = field.key.find('.', end + 1), ++depth) {
      const absl::string_view section = field.key.substr(0, end);
      if (IsWithin(open, section)) continue;
      yaml.append(2 * depth, ' ');
      absl::StrAppend(&yaml, section.substr(section.rfind('.') + 1), ":\n");
    }
    yaml.append(2 * depth, ' ');
    absl::StrAppend(&yaml, field.leaf(), ": ", field.value->Write(), "\n");
    open = field.section();
  }
  return yaml;
}

}  // namespace halfpipe
