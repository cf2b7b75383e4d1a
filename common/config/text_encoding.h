// Whether a config file is text that YAML can be read from: editors of other
// systems save it in encodings that parse as something else, or not at all.
#ifndef HP_COMMON_CONFIG_TEXT_ENCODING_H_
#define HP_COMMON_CONFIG_TEXT_ENCODING_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

struct TextProblem {
  int line = 0;      // from 1; 0: the whole file
  std::string what;  // with what to do
};

// The first reason why `text` is not UTF-8 text: UTF-16 or UTF-32, a zero byte,
// a byte that is no UTF-8 (in a remark too). A byte order mark is fine.
[[nodiscard]] std::optional<TextProblem> FindEncodingProblem(
    absl::string_view text);

// Why a YAML library may have stumbled at `line` (from 1) where its own words
// do not say so: a tab that indents, up to there. For a text without it:
// nullopt.
[[nodiscard]] std::optional<TextProblem> FindIndentingTab(
    absl::string_view text, int line);

// A typographic quote where a value begins: to YAML it is a letter of the
// value, which then is a file that is not there.
[[nodiscard]] std::optional<TextProblem> FindTypographicQuote(
    absl::string_view text);

// A character that cannot be seen, or looks like another, where YAML or a
// number needs that one: within a key or before it, in place of the colon, at
// an end of a value, in a number. Line ends of CR alone too. The first of them.
[[nodiscard]] std::optional<TextProblem> FindLookAlike(absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_TEXT_ENCODING_H_
