// Text of others as data, never as orders: what a terminal would obey, hide or
// turn around is refused where it comes in and shown as an escape where it goes
// out.
#ifndef HP_COMMON_BASE_PRINTABLE_TEXT_H_
#define HP_COMMON_BASE_PRINTABLE_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Where the first character lies that is not simply shown: controls (of ASCII
// and of U+0080 to U+009F: ESC, line feeds, tabs), what turns the direction of
// writing around, line and paragraph separators, signs without any width, and
// bytes that are no UTF-8. nullopt: there is none. Joiners (U+200C and U+200D)
// belong to words and pictures.
[[nodiscard]] std::optional<size_t> FirstUnprintable(absl::string_view text);

// `text` on one line of a terminal: each byte of such a character as "\x1B".
[[nodiscard]] std::string PrintableText(absl::string_view text);

// The same of text that has lines: line feeds stay, and each line behind the
// first begins with `indent`, so that none of them looks like one of ours.
[[nodiscard]] std::string PrintableLines(absl::string_view text,
                                         absl::string_view indent = "  ");

// A JSON text with such characters of its strings as "\u202E"; it means the
// same.
[[nodiscard]] std::string PrintableJson(absl::string_view json);

// InvalidArgument where `text` holds such a character or more than `max_bytes`
// bytes. `what` begins the message: "a pair's name".
[[nodiscard]] absl::Status CheckPrintable(absl::string_view what,
                                          absl::string_view text,
                                          size_t max_bytes);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_PRINTABLE_TEXT_H_
