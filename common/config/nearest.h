// "Did you mean": the nearest of some names by edit distance.
#ifndef HP_COMMON_CONFIG_NEAREST_H_
#define HP_COMMON_CONFIG_NEAREST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace halfpipe {

// Insertions, deletions, replacements and swaps of neighbours (each 1) that
// turn `a` into `b`: the optimal string alignment distance.
[[nodiscard]] size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate nearest to `name` (the first of equals), if it is near enough
// to be a slip: at most a third of the longer name, and at least 1.
[[nodiscard]] std::optional<std::string> Nearest(
    absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_NEAREST_H_
