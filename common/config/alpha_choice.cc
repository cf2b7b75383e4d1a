#include "common/config/alpha_choice.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace halfpipe {

std::optional<AlphaChoice> ParseAlphaChoice(absl::string_view text) {
  constexpr uint32_t kWhite = 0xFFFFFF;
  constexpr size_t kDigits = 6;
  if (text == "refuse") return AlphaChoice{.refuse = true};
  if (text == "black") return AlphaChoice{};
  if (text == "white") return AlphaChoice{.background = kWhite};
  if (text.size() != 1 + kDigits || text[0] != '#') return std::nullopt;
  const absl::string_view digits = text.substr(1);
  uint32_t colour = 0;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit) ||
      !absl::SimpleHexAtoi(digits, &colour)) {
    return std::nullopt;
  }
  return AlphaChoice{.background = colour};
}

}  // namespace halfpipe
