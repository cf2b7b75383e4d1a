#include "stage/encoders/text_cleaning.h"

#include <algorithm>
#include <cstddef>

#include "stage/encoders/html_entities.h"
#include "stage/encoders/mojibake.h"
#include "stage/encoders/utf8_text.h"
#include "stage/encoders/windows_1252.h"

namespace halfpipe {
namespace {

// Longer lines are repaired in pieces of this many characters.
constexpr size_t kMaxSegment = 1000000;

bool IsLatinLigature(char32_t c) {
  return c == 0x132 || c == 0x133 || c == 0x149 || IsBetween(c, 0x1C4, 0x1CC) ||
         IsBetween(c, 0x1F1, 0x1F3) || IsBetween(c, 0xFB00, 0xFB06);
}

bool IsWidthForm(char32_t c) {
  return c == 0x3000 || IsBetween(c, 0xFF01, 0xFFEF);
}

bool IsRemovedControl(char32_t c) {
  return c <= 0x08 || c == 0x0B || IsBetween(c, 0x0E, 0x1F) || c == 0x7F ||
         IsBetween(c, 0x206A, 0x206F) || c == 0xFEFF ||
         IsBetween(c, 0xFFF9, 0xFFFC);
}

// What one character is replaced by; every step here looks at one at a time.
std::u32string FixCharacter(char32_t c) {
  if (IsBetween(c, 0x80, 0x9F)) c = FromWindows1252(c);
  if (c == 0xFB05) return U"\u017Ft";  // NFKC would also lose the long s
  if (IsLatinLigature(c) || IsWidthForm(c)) return ToNfkc({c});
  if (c == 0x2BC || IsBetween(c, 0x2018, 0x201B)) return U"'";
  if (IsBetween(c, 0x201C, 0x201F)) return U"\"";
  if (c == 0x85 || c == 0x2028 || c == 0x2029) return U"\n";
  return {c};
}

std::u32string FixCharacters(const std::u32string& text) {
  std::u32string fixed;
  fixed.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      fixed.push_back('\n');
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else {
      fixed += FixCharacter(text[i]);
    }
  }
  return fixed;
}

// The length of the ANSI escape sequence (colours and the like) at `at`.
size_t TerminalEscapeLength(const std::u32string& text, size_t at) {
  if (text[at] != 0x1B || at + 1 >= text.size() || text[at + 1] != '[') {
    return 0;
  }
  size_t end = at + 2;
  while (end < text.size() &&
         (IsBetween(text[end], '0', '9') || text[end] == ';')) {
    ++end;
  }
  const bool closed = end < text.size() && (IsBetween(text[end], 'a', 'z') ||
                                            IsBetween(text[end], 'A', 'Z'));
  return closed ? end + 1 - at : 0;
}

std::u32string RemoveControls(const std::u32string& text) {
  std::u32string kept;
  kept.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (const size_t escape = TerminalEscapeLength(text, at); escape > 0) {
      at += escape;
      continue;
    }
    if (!IsRemovedControl(text[at])) kept.push_back(text[at]);
    ++at;
  }
  return kept;
}

std::u32string RepairSegment(std::u32string text, bool unescape) {
  while (true) {
    std::u32string fixed = unescape ? UnescapeClosedHtml(text) : text;
    fixed = ToNfc(RemoveControls(FixCharacters(FixMojibake(fixed))));
    if (fixed == text) return fixed;
    text = std::move(fixed);
  }
}

std::u32string RepairText(const std::u32string& text) {
  std::u32string repaired;
  bool unescape = true;  // until a tag: then the text is meant to be HTML
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find(U'\n', begin);
    end = end == std::u32string::npos ? text.size() : end + 1;
    end = std::min(end, begin + kMaxSegment);
    const std::u32string segment = text.substr(begin, end - begin);
    unescape = unescape && segment.find(U'<') == std::u32string::npos;
    repaired += RepairSegment(segment, unescape);
    begin = end;
  }
  return repaired;
}

// Trims, and makes one space of every run of white space.
std::u32string CollapseSpaces(const std::u32string& text) {
  std::u32string collapsed;
  bool pending = false;
  for (char32_t c : text) {
    if (IsSpace(c)) {
      pending = !collapsed.empty();
      continue;
    }
    if (pending) collapsed.push_back(' ');
    pending = false;
    collapsed.push_back(c);
  }
  return collapsed;
}

}  // namespace

std::string CleanPrompt(absl::string_view prompt) {
  const std::u32string repaired = RepairText(DecodeUtf8(prompt));
  return EncodeUtf8(CollapseSpaces(UnescapeHtml(UnescapeHtml(repaired))));
}

}  // namespace halfpipe
