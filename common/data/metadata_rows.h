// The rows of a metadata file, whatever its format and whoever wrote it.
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
  // Columns of JSON that hold no text, and what they hold: "a list", "null".
  std::map<std::string, std::string> others = {};
  bool shares_clip = false;  // another caption of the clip of the row before
};

// By the extension of `file_name`: .csv (the first record names the columns),
// .json (a list of objects; or an object that maps files to a caption, or to a
// list of captions), .jsonl (an object a line). JSON in a .jsonl file and lines
// in a .json file are read as what they are. A row that is broken is returned
// with its problem, so that the rest can be checked; InvalidArgument
// ("file:line: ...", a line a problem) is for a file that is not of its format
// at all, is no UTF-8, or is a .csv without the columns of a data set.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> ParseMetadataRows(
    absl::string_view text, const std::string& file_name);

// Whether `status` is of JSON that is no list of rows, but may well be
// something else, as the card of a data set.
[[nodiscard]] bool IsUnrelatedJson(const absl::Status& status);

// The columns of all rows, each once, in the order of the rows.
[[nodiscard]] std::vector<std::string> ColumnsOf(
    const std::vector<MetadataRow>& rows);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_ROWS_H_
