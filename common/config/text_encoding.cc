#include "common/config/text_encoding.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/valid_text.h"

namespace halfpipe {
namespace {

// Of a line in an error.
constexpr size_t kMostShown = 80;

int LineAt(absl::string_view text, size_t at) {
  return 1 +
         static_cast<int>(std::count(text.begin(), text.begin() + at, '\n'));
}

// Whether `byte` goes on with a character that began before it.
bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// The line that byte `at` is in, shortened.
std::string ShownLine(absl::string_view text, size_t at) {
  const size_t begin = text.rfind('\n', at);
  text.remove_prefix(begin == absl::string_view::npos ? 0 : begin + 1);
  text = absl::StripAsciiWhitespace(text.substr(0, text.find('\n')));
  size_t end = std::min(text.size(), kMostShown);
  while (end > 0 && end < text.size() && IsContinuation(text[end])) --end;
  return absl::StrCat(ValidText(text.substr(0, end)),
                      end < text.size() ? "..." : "");
}

// "UTF-16", "UTF-32" or "": by the byte order mark, or by the zero bytes that
// plain letters have in them.
absl::string_view WideEncoding(absl::string_view text) {
  const absl::string_view little32("\xff\xfe\0\0", 4);
  const absl::string_view big32("\0\0\xfe\xff", 4);
  if (absl::StartsWith(text, little32) || absl::StartsWith(text, big32)) {
    return "UTF-32";
  }
  if (absl::StartsWith(text, "\xff\xfe") ||
      absl::StartsWith(text, "\xfe\xff")) {
    return "UTF-16";
  }
  const auto zeros = std::count(text.begin(), text.end(), '\0');
  return zeros > 0 && static_cast<size_t>(zeros) >= text.size() / 3 ? "UTF-16"
                                                                    : "";
}

bool BeginsWithQuote(absl::string_view value) {
  for (const char* quote : {"\u201c", "\u201d", "\u201e", "\u2018", "\u2019",
                            "\u201a", "\u00ab", "\u00bb"}) {
    if (absl::StartsWith(value, quote)) return true;
  }
  return false;
}

// Whether a value begins behind `before`, the start of a line whose first
// bracket is at `bracket`: after a key's colon, a list's dash, or what
// separates values between brackets (elsewhere a comma is part of one).
bool EndsBeforeValue(absl::string_view before, size_t bracket) {
  before = absl::StripTrailingAsciiWhitespace(before);
  if (before.empty()) return false;
  switch (before.back()) {
    case ':':
    case '{':
    case '[':
      return true;
    case '-':
      return absl::StripLeadingAsciiWhitespace(before).size() == 1;
    case ',':
      return bracket < before.size();
    default:
      return false;
  }
}

// Whether a value of `line` begins with a typographic quote, outside of proper
// quotes and of a remark.
bool HasTypographicValue(absl::string_view line) {
  const size_t bracket = line.find_first_of("{[");
  char open = '\0';  // the proper quote that is open
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (open != '\0') {
      if (open == '"' && c == '\\') ++at;
      if (c == open) open = '\0';
      continue;
    }
    if (c == '#' && (at == 0 || absl::ascii_isspace(line[at - 1]))) break;
    const bool is_quote = c == '"' || c == '\'';
    if (!is_quote && !BeginsWithQuote(line.substr(at))) continue;
    if (!EndsBeforeValue(line.substr(0, at), bracket)) continue;
    if (!is_quote) return true;
    open = c;
  }
  return false;
}

}  // namespace

std::optional<TextProblem> FindEncodingProblem(absl::string_view text) {
  const absl::string_view wide = WideEncoding(text);
  if (!wide.empty()) {
    return TextProblem{0, absl::StrCat("is ", wide,
                                       " (what some editors call "
                                       "Unicode); save it as UTF-8")};
  }
  const size_t zero = text.find('\0');
  if (zero != absl::string_view::npos) {
    return TextProblem{LineAt(text, zero),
                       "holds a zero byte: this is no text file"};
  }
  const std::optional<size_t> bad = FirstInvalidByte(text);
  if (!bad.has_value()) return std::nullopt;
  return TextProblem{
      LineAt(text, *bad),
      absl::StrFormat("byte 0x%02X is not UTF-8: '%s'; save the file as UTF-8",
                      static_cast<unsigned char>(text[*bad]),
                      ShownLine(text, *bad))};
}

std::optional<TextProblem> FindIndentingTab(absl::string_view text, int line) {
  int number = 0;
  for (const absl::string_view each : absl::StrSplit(text, '\n')) {
    if (++number > line) break;
    const size_t begin = each.find_first_not_of(' ');
    if (begin == absl::string_view::npos || each[begin] != '\t') continue;
    if (absl::StripAsciiWhitespace(each).empty()) continue;
    return TextProblem{number,
                       "is indented by a tab: YAML is indented by blanks"};
  }
  return std::nullopt;
}

std::optional<TextProblem> FindTypographicQuote(absl::string_view text) {
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (!HasTypographicValue(line)) continue;
    return TextProblem{
        number, absl::StrCat("'", ShownLine(line, 0),
                             "': a value begins with a typographic quote, "
                             "which means nothing to YAML; write \" or '")};
  }
  return std::nullopt;
}

}  // namespace halfpipe
