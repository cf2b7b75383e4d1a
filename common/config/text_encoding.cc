#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/valid_text.h"
#include "common/config/schema.h"

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

// A character that is not ASCII, as what it looks like.
struct LookAlike {
  size_t size = 0;  // in bytes; 0: it looks like nothing else
  uint32_t code = 0;
  char ascii = '\0';  // '\0': it cannot be seen
};

// The code of the character at the start of `text`, which is UTF-8, and the
// number of its bytes.
std::pair<uint32_t, size_t> FirstCharacter(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  size = std::min(size, text.size());
  uint32_t code = lead & (0xFFU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    code = code << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  return {code, size};
}

bool IsUnseen(uint32_t code) {
  return code == 0xAD || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

bool IsWideBlank(uint32_t code) {
  return code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

LookAlike LookAlikeAt(absl::string_view text) {
  const auto [code, size] = FirstCharacter(text);
  if (IsUnseen(code)) return {size, code, '\0'};
  if (IsWideBlank(code)) return {size, code, ' '};
  if (code >= 0xFF01 && code <= 0xFF5E) {
    return {size, code, static_cast<char>(code - 0xFEE0)};
  }
  if ((code >= 0x2010 && code <= 0x2015) || code == 0x2212) {
    return {size, code, '-'};
  }
  if (code == 0xFE55 || code == 0x2236) return {size, code, ':'};
  return {};
}

// The first look-alike in a key, whichever it is; none in other scripts.
LookAlike FirstIn(absl::string_view text) {
  while (!text.empty()) {
    const LookAlike found = LookAlikeAt(text);
    if (found.size > 0) return found;
    text.remove_prefix(FirstCharacter(text).second);
  }
  return {};
}

// A look-alike that changes what `value` means: a blank or nothing at one of
// its ends, or any of a number's characters.
LookAlike FirstInValue(absl::string_view value) {
  std::string plain;
  LookAlike first;
  LookAlike at;
  for (absl::string_view rest = value; !rest.empty();) {
    at = LookAlikeAt(rest);
    const size_t size = FirstCharacter(rest).second;
    if (at.size == 0) {
      absl::StrAppend(&plain, rest.substr(0, size));
    } else {
      if (first.size == 0) first = at;
      if (at.ascii != '\0') plain.push_back(at.ascii);
    }
    const bool is_blank = at.ascii == '\0' || at.ascii == ' ';
    const bool at_end = rest.size() == value.size() || rest.size() == size;
    if (at.size > 0 && is_blank && at_end) return at;
    rest.remove_prefix(size);
  }
  double number = 0.0;
  return absl::SimpleAtod(plain, &number) ? first : LookAlike{};
}

// Where the part of a line that begins with `text` ends: before the colon of a
// key, or what ends a value between brackets, or a remark, or at its end.
size_t EndOfPart(absl::string_view text, bool in_brackets) {
  size_t at = 0;
  if (!text.empty() && (text[0] == '"' || text[0] == '\'')) {
    const size_t close = text.find(text[0], 1);
    if (close != absl::string_view::npos) at = close + 1;
  }
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const bool ends =
        at + 1 == text.size() || absl::ascii_isspace(text[at + 1]);
    if (c == ':' && ends) break;
    if (c == '#' && at > 0 && absl::ascii_isspace(text[at - 1])) break;
    if (in_brackets && absl::StrContains("{}[],", c)) break;
  }
  return at;
}

// The first look-alike of a line that matters.
LookAlike FindInLine(absl::string_view line) {
  bool in_brackets = false;
  bool is_value = false;
  while (true) {
    line = absl::StripLeadingAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') return {};
    const bool is_item = absl::StartsWith(line, "- ");
    if (absl::StrContains("{}[],", line[0]) || is_item) {
      in_brackets = in_brackets || !is_item;
      is_value = line[0] == '[' || is_item || (is_value && line[0] == ',');
      line.remove_prefix(1);
      continue;
    }
    const size_t end = EndOfPart(line, in_brackets);
    const absl::string_view part =
        absl::StripTrailingAsciiWhitespace(line.substr(0, end));
    const bool is_quoted = line[0] == '"' || line[0] == '\'';
    const LookAlike found = is_value
                                ? (is_quoted ? LookAlike{} : FirstInValue(part))
                                : FirstIn(part);
    if (found.size > 0 || end >= line.size()) return found;
    is_value = line[end] == ':' || (is_value && line[end] == ',');
    line.remove_prefix(line[end] == ':' ? end + 1 : end);
  }
}

std::string Advice(const LookAlike& found) {
  if (found.ascii == '\0') return "which cannot be seen: remove it";
  if (found.ascii == ' ') return "which is no plain blank: write one";
  return absl::StrFormat("which looks like '%c': write that%s", found.ascii,
                         found.ascii == ':' ? " and a blank" : "");
}

}  // namespace

std::optional<TextProblem> FindLookAlike(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  for (size_t at = text.find('\r'); at != absl::string_view::npos;
       at = text.find('\r', at + 1)) {
    if (text.substr(at, 2) == "\r\n" || text.substr(at, 3) == "\r\r\n")
      continue;
    if (at + 1 == text.size()) continue;
    return TextProblem{LineAt(text, at),
                       "ends a line with U+000D (CR) alone, which ends none "
                       "for YAML: save the file with line ends of Unix"};
  }
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const LookAlike found = FindInLine(line);
    if (found.size == 0) continue;
    return TextProblem{
        number, absl::StrFormat("'%s' holds U+%04X, %s", ShownLine(line, 0),
                                found.code, Advice(found))};
  }
  return std::nullopt;
}

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
