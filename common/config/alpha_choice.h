// data.alpha as a value.
#ifndef HP_COMMON_CONFIG_ALPHA_CHOICE_H_
#define HP_COMMON_CONFIG_ALPHA_CHOICE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace halfpipe {

// What becomes of transparent parts of a medium.
struct AlphaChoice {
  bool refuse = false;
  uint32_t background = 0;  // 0xRRGGBB, where they are not refused

  friend bool operator==(const AlphaChoice&, const AlphaChoice&) = default;
};

// "black", "white", "#rrggbb" (in any case) or "refuse"; nullopt for anything
// else.
[[nodiscard]] std::optional<AlphaChoice> ParseAlphaChoice(
    absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_ALPHA_CHOICE_H_
