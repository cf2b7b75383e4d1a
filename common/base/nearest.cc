#include "common/base/nearest.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace halfpipe {

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1),
      row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      bool swapped =
          i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::optional<std::string> Nearest(absl::string_view name,
                                   const std::vector<std::string>& candidates) {
  // A file may hold a key of any length; nothing near it is worth the time.
  constexpr size_t kLongest = 64;
  if (name.empty() || name.size() > kLongest) return std::nullopt;
  std::optional<std::string> best;
  size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    size_t distance = EditDistance(name, candidate);
    size_t limit =
        std::max<size_t>(1, std::max(name.size(), candidate.size()) / 3);
    if (distance > limit || (best && distance >= best_distance)) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

void NearestName::Offer(absl::string_view candidate) {
  // Names come from files: their length is bounded before the quadratic work.
  constexpr size_t kMostCompared = 256;
  const size_t distance =
      EditDistance(absl::string_view(wanted_).substr(0, kMostCompared),
                   candidate.substr(0, kMostCompared));
  if (distance >= best_distance_) return;
  best_distance_ = distance;
  best_ = std::string(candidate);
}

std::string NearestName::Hint() const {
  if (best_distance_ == SIZE_MAX) return "";
  return absl::StrCat("; the nearest name is '", best_, "'");
}

}  // namespace halfpipe
