// Text as code points, with the few Unicode properties the cleaning needs.
#ifndef HP_STAGE_ENCODERS_UTF8_TEXT_H_
#define HP_STAGE_ENCODERS_UTF8_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// Every byte that is not part of well-formed UTF-8 becomes U+FFFD.
[[nodiscard]] std::u32string DecodeUtf8(absl::string_view bytes);

// The same, but false and an unspecified `text` if there is such a byte.
[[nodiscard]] bool DecodeUtf8Strictly(absl::string_view bytes,
                                      std::u32string* text);

// Surrogates and values above U+10FFFF become U+FFFD.
[[nodiscard]] std::string EncodeUtf8(const std::u32string& text);

// The ends belong to the range.
[[nodiscard]] constexpr bool IsBetween(char32_t c, char32_t first,
                                       char32_t last) {
  return c >= first && c <= last;
}

// White space as Python's str.isspace and `\s` of its re module see it.
[[nodiscard]] bool IsSpace(char32_t c);

// Letters, digits and the underscore of any script.
[[nodiscard]] bool IsWordCharacter(char32_t c);

// Canonical composition, and with compatibility decomposition before it.
[[nodiscard]] std::u32string ToNfc(const std::u32string& text);
[[nodiscard]] std::u32string ToNfkc(const std::u32string& text);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_UTF8_TEXT_H_
