#include "common/store/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// Names come from files, so their length is bounded before the quadratic work.
constexpr size_t kMaxCompared = 256;

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

void NearestName::Offer(absl::string_view candidate) {
  size_t distance =
      EditDistance(absl::string_view(wanted_).substr(0, kMaxCompared),
                   candidate.substr(0, kMaxCompared));
  if (distance >= best_distance_) return;
  best_distance_ = distance;
  best_ = std::string(candidate);
}

std::string NearestName::Hint() const {
  if (best_distance_ == SIZE_MAX) return "";
  return absl::StrCat("; the nearest name is '", best_, "'");
}

}  // namespace halfpipe
