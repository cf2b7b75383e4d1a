// "Did you mean": the nearest of some names by edit distance.
#ifndef HP_COMMON_BASE_NEAREST_H_
#define HP_COMMON_BASE_NEAREST_H_

#include <cstddef>
#include <cstdint>
#include <map>
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

// The candidate with the smallest distance to `wanted`, however far it is (the
// first of equals). Only the first 256 bytes of a name count.
class NearestName {
 public:
  explicit NearestName(absl::string_view wanted) : wanted_(wanted) {}

  void Offer(absl::string_view candidate);

  // "; the nearest name is 'x'", or "" when nothing was offered.
  [[nodiscard]] std::string Hint() const;

 private:
  std::string wanted_;
  std::string best_;
  size_t best_distance_ = SIZE_MAX;
};

// The hint over the keys of a map.
template <typename V>
[[nodiscard]] std::string NearestNameHint(
    absl::string_view wanted, const std::map<std::string, V>& known) {
  NearestName nearest(wanted);
  for (const auto& [name, value] : known) nearest.Offer(name);
  return nearest.Hint();
}

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_NEAREST_H_
