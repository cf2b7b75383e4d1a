// The numbers in the names of a model's parts: "model-00001-of-00003".
#ifndef HP_COMMON_STORE_SHARD_NAMES_H_
#define HP_COMMON_STORE_SHARD_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// OK unless the names of `files` (paths, in one folder) say that there are more
// parts than these. NotFound names those that are missing, and a download of
// one that has not ended. Names without such numbers say nothing.
[[nodiscard]] absl::Status CheckShardsAreComplete(
    const std::vector<std::string>& files);

// "; it is part 1 of 6 of a model: name the folder DIR" for the path of a file
// with such a name; else empty.
[[nodiscard]] std::string PartHint(absl::string_view path);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_SHARD_NAMES_H_
