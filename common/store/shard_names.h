// The numbers in the names of a model's parts: "model-00001-of-00003".
#ifndef HP_COMMON_STORE_SHARD_NAMES_H_
#define HP_COMMON_STORE_SHARD_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace halfpipe {

// OK unless the names of `files` (paths, in one folder) say that there are more
// parts than these. NotFound names those that are missing, and a download of
// one that has not ended. Names without such numbers say nothing.
[[nodiscard]] absl::Status CheckShardsAreComplete(
    const std::vector<std::string>& files);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_SHARD_NAMES_H_
