// The terminal on standard output: how wide it is, and how much of that a text
// takes.
#ifndef HP_CLIENT_JOBS_TERMINAL_H_
#define HP_CLIENT_JOBS_TERMINAL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// Of a terminal that does not say.
inline constexpr int kUsualColumns = 80;

// As the terminal says now (TIOCGWINSZ), else the usual ones. nullopt:
// standard output is no terminal.
[[nodiscard]] std::optional<int> TerminalColumns();

// The columns that one line of printable text takes, at most: what may be a
// wide character (East Asian, pictures) counts as two.
[[nodiscard]] int ShownColumns(absl::string_view text);

// `text` if it takes at most `columns`; else as many whole characters of it as
// fit, with "..." at the end where there is room for that. "" for no columns.
[[nodiscard]] std::string CutToColumns(absl::string_view text, int columns);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_TERMINAL_H_
