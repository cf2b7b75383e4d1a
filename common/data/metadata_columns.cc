#include "common/data/metadata_columns.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/data/media_path.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kMedia[] = {
    "video",     "image",           "video_path",      "image_path",
    "file_name", "video_file_name", "image_file_name", "file_path",
    "path",      "media_path",      "filename",        "filepath"};

constexpr absl::string_view kCaptionColumns[] = {"prompt", "caption", "text"};

// None of what other trainers obey, as fps, num_frames and num_repeats.
constexpr absl::string_view kBookkeeping[] = {
    "",     "id",  "index",  "idx",  "type", "width",  "height",  "duration",
    "size", "md5", "sha256", "hash", "key",  "source", "license", "tags"};

struct Separator {
  const char* text;
  const char* name;
};

constexpr Separator kSeparators[] = {{";", "semicolons"},
                                     {"\t", "tabs"},
                                     {"|", "bars"},
                                     {"\xEF\xBC\x8C", "full-width commas"}};

constexpr const char* kExample =
    "expected a line that names the columns, as 'video,prompt'";

bool Contains(absl::Span<const absl::string_view> names,
              absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsKnown(absl::string_view name) {
  return IsMediaColumn(name) || IsCaptionColumn(name);
}

std::string Small(absl::string_view name) {
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(name));
}

// "'Video' and 'Prompt' as video and prompt": names that would be known in
// small letters.
std::string WrittenOtherwise(const std::vector<std::string>& columns) {
  std::vector<std::string> written;
  std::vector<std::string> meant;
  for (const std::string& column : columns) {
    const std::string small = Small(column);
    if (IsKnown(column) || !IsKnown(small)) continue;
    written.push_back(absl::StrCat("'", column, "'"));
    meant.push_back(small);
  }
  if (written.empty()) return "";
  return absl::StrCat(absl::StrJoin(written, " and "), " as ",
                      absl::StrJoin(meant, " and "));
}

// What separates the names, where it is not a comma; "" if none does.
std::string OtherSeparator(absl::string_view line) {
  for (const Separator& separator : kSeparators) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, separator.text);
    if (parts.size() < 2) continue;
    for (absl::string_view part : parts) {
      part = absl::StripAsciiWhitespace(part);
      if (absl::ConsumePrefix(&part, "\"")) absl::ConsumeSuffix(&part, "\"");
      if (IsKnown(Small(part)) || IsNamedLikeMedia(part)) {
        return separator.name;
      }
    }
  }
  return "";
}

// The name of a file among what should be names of columns.
std::string FileAmong(const std::vector<std::string>& columns) {
  for (const std::string& column : columns) {
    if (IsNamedLikeMedia(column)) return column;
  }
  return "";
}

std::string Repeated(const std::vector<std::string>& columns) {
  std::set<std::string> seen;
  for (const std::string& column : columns) {
    if (!column.empty() && !seen.insert(column).second) return column;
  }
  return "";
}

}  // namespace

absl::Span<const absl::string_view> MediaColumns() { return kMedia; }

absl::Span<const absl::string_view> CaptionColumns() { return kCaptionColumns; }

bool IsMediaColumn(absl::string_view name) { return Contains(kMedia, name); }

bool IsCaptionColumn(absl::string_view name) {
  return Contains(kCaptionColumns, name);
}

bool IsBookkeepingColumn(absl::string_view name) {
  return Contains(kBookkeeping, Small(name)) ||
         absl::StartsWith(name, "Unnamed:");
}

std::string ColumnsProblem(const std::vector<std::string>& columns) {
  const bool media = std::any_of(columns.begin(), columns.end(), IsMediaColumn);
  const bool captions =
      std::any_of(columns.begin(), columns.end(), IsCaptionColumn);
  if (media && captions) return "";
  const std::string otherwise = WrittenOtherwise(columns);
  if (!otherwise.empty()) {
    return absl::StrCat("column names have small letters here: write ",
                        otherwise);
  }
  const std::string found =
      absl::StrCat(" (columns: ", absl::StrJoin(columns, ", "), ")");
  if (!media) {
    return absl::StrCat("no column names the clips", found,
                        "; expected video or image, or one of ",
                        absl::StrJoin(MediaColumns().subspan(2), ", "));
  }
  return absl::StrCat("no column holds the captions", found,
                      "; expected prompt, caption or text");
}

std::string HeaderProblem(const std::vector<std::string>& columns,
                          absl::string_view line) {
  const std::string repeated = Repeated(columns);
  if (!repeated.empty()) {
    return absl::StrCat("the column '", repeated,
                        "' is there twice: remove or rename one");
  }
  std::string problem = ColumnsProblem(columns);
  if (problem.empty()) return "";
  if (absl::StartsWithIgnoreCase(line, "sep=")) {
    return absl::StrCat("the line '", line,
                        "' is for spreadsheets alone: remove it");
  }
  const std::string separator = OtherSeparator(line);
  if (!separator.empty()) {
    return absl::StrCat("the fields are separated by ", separator,
                        "; expected commas: save it as CSV with commas");
  }
  const std::string file = FileAmong(columns);
  if (!file.empty()) {
    return absl::StrCat("has no header: its first line names ", file, "; ",
                        kExample, ", above it");
  }
  return problem;
}

}  // namespace halfpipe
