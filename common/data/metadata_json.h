// Metadata in JSON.
#ifndef HP_COMMON_DATA_METADATA_JSON_H_
#define HP_COMMON_DATA_METADATA_JSON_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/data/metadata_rows.h"

namespace halfpipe {

// One document: see ParseMetadataRows. InvalidArgument "file:line: ..." where
// it is none. `text` is UTF-8.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> RowsOfJson(
    absl::string_view text, const std::string& file_name);

// An object a line; or one document, which is read as such.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> RowsOfJsonLines(
    absl::string_view text, const std::string& file_name);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_JSON_H_
