#include "stage/encoders/html_entities.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "stage/encoders/utf8_text.h"
#include "stage/encoders/windows_1252.h"

namespace halfpipe {
namespace {

struct HtmlEntity {
  const char* name;
  char32_t points[3];  // 0 behind the last
};

#include "stage/encoders/html_entity_table.inc"

// The longest name in the table, and how long a closed reference may be.
constexpr size_t kLongestName = 32;
constexpr size_t kLongestClosedName = 24;
constexpr char32_t kMaxCodePoint = 0x10FFFF;

std::optional<std::u32string> Find(std::span<const HtmlEntity> table,
                                   absl::string_view name) {
  const auto it =
      std::lower_bound(table.begin(), table.end(), name,
                       [](const HtmlEntity& entity, absl::string_view wanted) {
                         return absl::string_view(entity.name) < wanted;
                       });
  if (it == table.end() || name != it->name) return std::nullopt;
  std::u32string text(it->points, std::size(it->points));
  text.resize(text.find_last_not_of(U'\0') + 1);
  return text;
}

bool IsAsciiAlnum(char32_t c) {
  return c < 0x80 && absl::ascii_isalnum(static_cast<unsigned char>(c));
}

// What a numeric reference stands for; empty for code points that HTML drops.
std::u32string FromNumber(char32_t number) {
  if (number == 0 || number > kMaxCodePoint ||
      (number >= 0xD800 && number <= 0xDFFF)) {
    return {kReplacementCharacter};
  }
  if (number >= 0x80 && number <= 0x9F) return {FromWindows1252(number)};
  const bool control = (number >= 0x1 && number <= 0x8) || number == 0xB ||
                       (number >= 0xE && number <= 0x1F) || number == 0x7F;
  const bool noncharacter =
      (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
  if (control || noncharacter) return {};
  return {number};
}

// A reference that was read: what it stands for and the characters it took.
struct Reference {
  std::u32string text;
  size_t used = 0;  // including the '&'; 0: there is none
};

// text[begin] is '&' and text[begin + 1] is '#'.
Reference ReadNumber(const std::u32string& text, size_t begin) {
  size_t at = begin + 2;
  const bool hex = at < text.size() && (text[at] == 'x' || text[at] == 'X');
  if (hex) ++at;
  const size_t digits = at;
  char32_t number = 0;
  for (; at < text.size() && text[at] < 0x80; ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (!(hex ? absl::ascii_isxdigit(c) : absl::ascii_isdigit(c))) break;
    const char32_t digit =
        absl::ascii_isdigit(c) ? c - '0' : (absl::ascii_tolower(c) - 'a') + 10;
    // Stays above the largest code point instead of wrapping around.
    number = std::min(number * (hex ? 16 : 10) + digit, kMaxCodePoint + 1);
  }
  if (at == digits) return {};
  if (at < text.size() && text[at] == ';') ++at;
  return {FromNumber(number), at - begin};
}

// text[begin] is '&'; the longest known name that follows.
Reference ReadName(const std::u32string& text, size_t begin) {
  std::string name;
  for (size_t at = begin + 1;
       at < text.size() && IsAsciiAlnum(text[at]) && name.size() < kLongestName;
       ++at) {
    name.push_back(static_cast<char>(text[at]));
  }
  const size_t end = begin + 1 + name.size();
  if (end < text.size() && text[end] == ';') name.push_back(';');
  for (; name.size() > 1; name.pop_back()) {
    if (auto found = Find(kEntities, name)) return {*found, name.size() + 1};
  }
  return {};
}

// text[begin] is '&'; a reference closed by a semicolon.
Reference ReadClosed(const std::u32string& text, size_t begin) {
  size_t at = begin + 1;
  if (at < text.size() && text[at] == '#') ++at;
  std::string name;
  for (; at < text.size() && IsAsciiAlnum(text[at]); ++at) {
    name.push_back(static_cast<char>(text[at]));
    if (name.size() > kLongestClosedName) return {};
  }
  if (name.empty() || at == text.size() || text[at] != ';') return {};
  const size_t used = at + 1 - begin;
  if (text[begin + 1] == '#') {
    Reference number = ReadNumber(text, begin);
    if (number.used != used) return {};
    return number;
  }
  name.push_back(';');
  if (auto found = Find(kEntities, name)) return {*found, used};
  if (auto found = Find(kCapitalEntities, name)) return {*found, used};
  return {};
}

template <typename Read>
std::u32string Replace(const std::u32string& text, Read read) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Reference reference;
    if (text[at] == '&' && at + 1 < text.size()) reference = read(text, at);
    if (reference.used == 0) {
      result.push_back(text[at++]);
    } else {
      result += reference.text;
      at += reference.used;
    }
  }
  return result;
}

}  // namespace

std::u32string UnescapeHtml(const std::u32string& text) {
  return Replace(text, [](const std::u32string& all, size_t at) {
    return all[at + 1] == '#' ? ReadNumber(all, at) : ReadName(all, at);
  });
}

std::u32string UnescapeClosedHtml(const std::u32string& text) {
  return Replace(text, ReadClosed);
}

}  // namespace halfpipe
