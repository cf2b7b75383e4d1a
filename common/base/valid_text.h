// Text that may hold anything (a file's name, a library's message) as UTF-8,
// which messages, JSON and terminals want.
#ifndef HP_COMMON_BASE_VALID_TEXT_H_
#define HP_COMMON_BASE_VALID_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// The length of the UTF-8 character at the start of `text`; 0: there is none.
// Strict as protobuf is: no surrogates, nothing overlong, nothing past
// U+10FFFF.
[[nodiscard]] size_t Utf8CharacterBytes(absl::string_view text);

// The length of the character at the start of `text` if it may pass; else 0.
using PassingBytes = size_t (*)(absl::string_view text);

// Where the first character lies that may not pass; nullopt: there is none.
[[nodiscard]] std::optional<size_t> FirstRefused(absl::string_view text,
                                                 PassingBytes passing);

// `text` with each byte of such characters as "\xE9".
[[nodiscard]] std::string EscapeRefused(absl::string_view text,
                                        PassingBytes passing);

// Where the first byte lies that is no part of a character; nullopt: `text` is
// UTF-8.
[[nodiscard]] std::optional<size_t> FirstInvalidByte(absl::string_view text);

// `text` for people: bytes that are no UTF-8 as "\xE9", all else as it is.
[[nodiscard]] std::string ValidText(absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_VALID_TEXT_H_
