#include "client/jobs/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/base/valid_text.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kCut = "...";

struct Character {
  size_t bytes;
  int columns;
};

// The one at the start of `text`. Every wide one is three or four bytes long;
// so are some narrow ones, which then have room to spare.
Character FirstCharacter(absl::string_view text) {
  const size_t bytes = std::max<size_t>(Utf8CharacterBytes(text), 1);
  return {bytes, bytes < 3 ? 1 : 2};
}

// The longest start of `text` that fits.
absl::string_view StartThatFits(absl::string_view text, int columns) {
  size_t end = 0;
  while (end < text.size()) {
    const Character next = FirstCharacter(text.substr(end));
    columns -= next.columns;
    if (columns < 0) break;
    end += next.bytes;
  }
  return text.substr(0, end);
}

}  // namespace

std::optional<int> TerminalColumns() {
  if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return kUsualColumns;
  }
  return size.ws_col;
}

int ShownColumns(absl::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    columns += next.columns;
    text.remove_prefix(next.bytes);
  }
  return columns;
}

std::string CutToColumns(absl::string_view text, int columns) {
  if (ShownColumns(text) <= columns) return std::string(text);
  const int cut = static_cast<int>(kCut.size());
  if (columns <= cut) return std::string(StartThatFits(text, columns));
  return absl::StrCat(StartThatFits(text, columns - cut), kCut);
}

}  // namespace halfpipe
