// JSON from files that others wrote: what nlohmann's own parser lets pass
// (duplicate keys, any depth) is refused here. Include from .cc files only.
#ifndef HP_COMMON_STORE_STRICT_JSON_H_
#define HP_COMMON_STORE_STRICT_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Parses one JSON value that fills `text` but for white space. Never throws.
// InvalidArgument names the place and the problem: a syntax error, bad UTF-8, a
// key given twice, or more than `max_depth` nested objects and arrays.
[[nodiscard]] absl::StatusOr<nlohmann::json> ParseStrictJson(
    absl::string_view text, int max_depth);

// A whole number from 0 to INT64_MAX; nullopt for anything else.
[[nodiscard]] std::optional<int64_t> AsCount(const nlohmann::json& value);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_STRICT_JSON_H_
