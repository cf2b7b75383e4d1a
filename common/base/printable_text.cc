#include "common/base/printable_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/valid_text.h"

namespace halfpipe {
namespace {

// Of a value in a message.
constexpr size_t kMostShown = 80;

struct Range {
  uint32_t first;
  uint32_t last;
};

constexpr std::array<Range, 12> kUnprintable = {{
    {0x00, 0x1f},        // controls
    {0x7f, 0x9f},        // delete, and controls that terminals obey, too
    {0x61c, 0x61c},      // Arabic letter mark
    {0x180e, 0x180e},    // without width
    {0x200b, 0x200b},    // likewise
    {0x200e, 0x200f},    // marks of direction
    {0x2028, 0x202e},    // separators of lines; embeddings and overrides
    {0x2060, 0x206f},    // word joiner, isolates, old format characters
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // annotations
    {0x1d173, 0x1d17a},  // format of music
    {0xe0000, 0xe0fff},  // tags
}};

// The code point of one whole character.
uint32_t CodePoint(absl::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(character[i]));
  };
  if (character.size() == 1) return byte(0);
  uint32_t code = byte(0) & (0x7fU >> character.size());
  for (size_t i = 1; i < character.size(); ++i) {
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  return code;
}

// The length of the printable character at the start of `text`; 0: there is
// another one.
size_t PrintableBytes(absl::string_view text) {
  const size_t bytes = Utf8CharacterBytes(text);
  if (bytes == 0) return 0;
  const uint32_t code = CodePoint(text.substr(0, bytes));
  const bool refused = std::any_of(
      kUnprintable.begin(), kUnprintable.end(), [code](const Range& range) {
        return range.first <= code && code <= range.last;
      });
  return refused ? 0 : bytes;
}

}  // namespace

std::optional<size_t> FirstUnprintable(absl::string_view text) {
  return FirstRefused(text, PrintableBytes);
}

std::string PrintableText(absl::string_view text) {
  return EscapeRefused(text, PrintableBytes);
}

std::string PrintableLines(absl::string_view text, absl::string_view indent) {
  std::string shown;
  while (true) {
    const size_t end = text.find('\n');
    absl::StrAppend(&shown, PrintableText(text.substr(0, end)));
    if (end == absl::string_view::npos) return shown;
    absl::StrAppend(&shown, "\n", indent);
    text.remove_prefix(end + 1);
  }
}

std::string PrintableJson(absl::string_view json) {
  std::string shown;
  while (true) {
    const size_t good = FirstUnprintable(json).value_or(json.size());
    shown.append(json.data(), good);
    json.remove_prefix(good);
    if (json.empty()) return shown;
    const size_t bytes = std::max<size_t>(1, Utf8CharacterBytes(json));
    const uint32_t code = CodePoint(json.substr(0, bytes));
    if (code < ' ') {
      shown.push_back(json[0]);  // between values; within strings JSON has none
    } else if (code <= 0xffff) {
      absl::StrAppendFormat(&shown, "\\u%04X", code);
    } else {
      absl::StrAppendFormat(&shown, "\\u%04X\\u%04X",
                            0xd800 + ((code - 0x10000) >> 10U),
                            0xdc00 + (code & 0x3ffU));
    }
    json.remove_prefix(bytes);
  }
}

absl::Status CheckPrintable(absl::string_view what, absl::string_view text,
                            size_t max_bytes) {
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " is at most ", max_bytes, " bytes long, found ", text.size()));
  }
  const std::optional<size_t> at = FirstUnprintable(text);
  if (!at.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " holds a character that a terminal would not show as it is: '",
      PrintableText(
          text.substr(*at - std::min(*at, kMostShown / 2), kMostShown)),
      "'"));
}

}  // namespace halfpipe
