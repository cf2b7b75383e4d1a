// "Did you mean": the known name that is closest to a wrong one.
#ifndef HP_COMMON_STORE_NEAREST_NAME_H_
#define HP_COMMON_STORE_NEAREST_NAME_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// Collects candidates and keeps the one with the smallest edit distance
// (insertions, deletions, replacements; the first wins a tie).
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

#endif  // HP_COMMON_STORE_NEAREST_NAME_H_
