// The rows of a metadata file, whatever its format.
#ifndef HP_COMMON_DATA_METADATA_ROWS_H_
#define HP_COMMON_DATA_METADATA_ROWS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

struct MetadataRow {
  int line = 0;         // from 1
  std::string problem;  // set: the row cannot be read, and `cells` is empty
  std::map<std::string, std::string> cells;  // by column; text columns only
};

// By the extension of `file_name`: .csv (the first record names the columns),
// .json (a list of objects), .jsonl (an object a line). A row that is broken is
// returned with its problem, so that the rest can be checked; InvalidArgument
// ("file:line: ...") is for a file that is not of its format at all.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> ParseMetadataRows(
    absl::string_view text, const std::string& file_name);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_ROWS_H_
