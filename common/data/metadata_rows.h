// The rows of a metadata file, whatever its format and whoever wrote it.
#ifndef HP_COMMON_DATA_METADATA_ROWS_H_
#define HP_COMMON_DATA_METADATA_ROWS_H_

#include <map>
#include <optional>
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

// Comma-separated values as RFC 4180 has them, and as spreadsheets, pandas and
// hand editing leave them: quoted fields may hold commas, line breaks and
// doubled quotes; blanks before a field and after a closing quote are dropped;
// lines end in LF, CRLF or CR; a byte order mark at the start is skipped, and
// so are lines with nothing but blanks between records.
struct CsvRecord {
  int line = 0;  // where it starts, from 1
  std::vector<std::string> fields;
  // Set: a quote that does not close, or text between a closing quote and the
  // next comma. The rest of that line is dropped, and the next one is read.
  std::string problem = "";
};

[[nodiscard]] std::vector<CsvRecord> ParseCsv(absl::string_view text);

// Of metadata in JSON, one document: see ParseMetadataRows. InvalidArgument
// "file:line: ..." where it is none. `text` is UTF-8.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> RowsOfJson(
    absl::string_view text, const std::string& file_name);

// An object a line; or one document, which is read as such.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> RowsOfJsonLines(
    absl::string_view text, const std::string& file_name);

// Two lists in a folder, as finetrainers takes them: one names a clip a line,
// the other holds the caption of the same line.
struct CaptionLists {
  std::string clips;     // "videos.txt", "video.txt", "images.txt", "image.txt"
  std::string captions;  // "prompts.txt", "prompt.txt", "captions.txt", ...
  std::vector<std::string> others = {};  // more of either kind, not read
};

// The two lists of `folder`; nullopt where one of them is missing, or is the
// caption of a clip of its name. Of several of a kind, the one named `first` is
// taken, if it is among them.
[[nodiscard]] std::optional<CaptionLists> FindCaptionLists(
    const std::string& folder, absl::string_view first = "");

// A row for each line with a `file_name` and a `prompt`; lines that are blank
// in both lists are skipped. InvalidArgument ("file:line: ...") where the lists
// differ in length or one has a blank line that the other does not have.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> RowsOfLists(
    absl::string_view clips, absl::string_view captions,
    const std::string& clips_file, const std::string& captions_file);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_ROWS_H_
