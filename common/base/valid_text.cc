#include "common/base/valid_text.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace halfpipe {
namespace {

unsigned char Byte(absl::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// How long the character is that `first` begins, and what its second byte may
// be: the bounds keep out overlong forms, surrogates and more than U+10FFFF.
struct Form {
  size_t bytes = 0;
  unsigned char least = 0x80;
  unsigned char most = 0xbf;
};

Form FormOf(unsigned char first) {
  if (first < 0x80) return {1};
  if (first < 0xc2) return {0};
  if (first < 0xe0) return {2};
  if (first == 0xe0) return {3, 0xa0};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first < 0xf0) return {3};
  if (first == 0xf0) return {4, 0x90};
  if (first < 0xf4) return {4};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {0};
}

}  // namespace

size_t Utf8CharacterBytes(absl::string_view text) {
  if (text.empty()) return 0;
  const Form form = FormOf(Byte(text, 0));
  if (form.bytes > text.size()) return 0;
  if (form.bytes > 1 &&
      (Byte(text, 1) < form.least || Byte(text, 1) > form.most)) {
    return 0;
  }
  for (size_t i = 2; i < form.bytes; ++i) {
    if ((Byte(text, i) & 0xc0) != 0x80) return 0;
  }
  return form.bytes;
}

std::optional<size_t> FirstRefused(absl::string_view text,
                                   PassingBytes passing) {
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = passing(text.substr(at));
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::nullopt;
}

std::string EscapeRefused(absl::string_view text, PassingBytes passing) {
  std::string shown;
  while (true) {
    const size_t good = FirstRefused(text, passing).value_or(text.size());
    shown.append(text.data(), good);
    text.remove_prefix(good);
    if (text.empty()) return shown;
    const size_t bytes = std::max<size_t>(1, Utf8CharacterBytes(text));
    for (size_t i = 0; i < bytes; ++i) {
      absl::StrAppendFormat(&shown, "\\x%02X", Byte(text, i));
    }
    text.remove_prefix(bytes);
  }
}

std::optional<size_t> FirstInvalidByte(absl::string_view text) {
  return FirstRefused(text, Utf8CharacterBytes);
}

std::string ValidText(absl::string_view text) {
  return EscapeRefused(text, Utf8CharacterBytes);
}

}  // namespace halfpipe
