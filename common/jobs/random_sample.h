// How a made-up sample is named where a cached one has the path of a file.
#ifndef HP_COMMON_JOBS_RANDOM_SAMPLE_H_
#define HP_COMMON_JOBS_RANDOM_SAMPLE_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace halfpipe {

inline constexpr char kRandomSamplePrefix[] = "random:";

// "random:7".
[[nodiscard]] inline std::string RandomSampleName(int64_t index) {
  return absl::StrCat(kRandomSamplePrefix, index);
}

// Nothing else passes: no file is read in such a sample's place.
[[nodiscard]] inline bool IsRandomSampleName(absl::string_view path) {
  return absl::ConsumePrefix(&path, kRandomSamplePrefix) && !path.empty() &&
         std::all_of(path.begin(), path.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_RANDOM_SAMPLE_H_
