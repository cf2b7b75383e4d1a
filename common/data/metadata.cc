#include "common/data/metadata.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/data/media_folder.h"
#include "common/data/media_path.h"
#include "common/data/metadata_rows.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// The columns that may name a row's media file.
constexpr const char* kMediaColumns[] = {"video", "image"};

std::string Text(absl::string_view view) {
  return std::string(view.data(), view.size());
}

// What the row's media columns say; "" after adding a problem.
std::string MediaCell(const MetadataRow& row, const std::string& where,
                      std::vector<std::string>* problems) {
  std::vector<std::string> named;
  for (const char* column : kMediaColumns) {
    auto cell = row.cells.find(column);
    if (cell != row.cells.end() && !cell->second.empty()) {
      named.push_back(cell->second);
    }
  }
  if (named.size() == 1) return named[0];
  if (named.empty()) {
    std::vector<std::string> columns;
    for (const auto& [name, value] : row.cells) columns.push_back(name);
    problems->push_back(
        absl::StrCat(where, ": names no video or image (columns with text: ",
                     absl::StrJoin(columns, ", "), ")"));
  } else {
    problems->push_back(
        absl::StrCat(where, ": names a video and an image; expected one"));
  }
  return "";
}

// The existing file that `written` names; "" after adding a problem.
std::string MediaFile(const std::string& root, const std::string& written,
                      const std::string& where,
                      std::vector<std::string>* problems) {
  absl::StatusOr<std::string> path = PathInRoot(root, written);
  if (!path.ok()) {
    problems->push_back(
        absl::StrCat(where, ": ", Text(path.status().message())));
    return "";
  }
  if (MediaKindOf(*path) == MediaKind::kOther) {
    problems->push_back(absl::StrCat(
        where, ": '", written,
        "' is no known kind of media; expected mp4, avi, mov, wmv, mkv, flv, "
        "webm, gif, jpg, jpeg, png, webp or bmp"));
    return "";
  }
  std::error_code ignored;
  if (!fs::is_regular_file(*path, ignored)) {
    problems->push_back(absl::StrCat(where, ": ", *path, " does not exist"));
    return "";
  }
  return *std::move(path);
}

// Whether `written` names a file under `root` that is not there.
bool IsMissing(const std::string& root, const std::string& written) {
  const absl::StatusOr<std::string> path = PathInRoot(root, written);
  std::error_code ignored;
  return path.ok() && !fs::is_regular_file(*path, ignored);
}

std::vector<Sample> SamplesOfRows(const std::vector<MetadataRow>& rows,
                                  const DataSource& source,
                                  const std::string& file,
                                  std::vector<std::string>* problems) {
  const std::string& root = source.root;
  std::vector<Sample> samples;
  for (size_t i = 0; i < rows.size(); ++i) {
    const MetadataRow& row = rows[i];
    std::string where = absl::StrCat(file, ":", row.line);
    if (!row.problem.empty()) {
      problems->push_back(absl::StrCat(where, ": ", row.problem));
      continue;
    }
    Sample sample{.row = static_cast<int64_t>(i),
                  .media_path = "",
                  .prompt = "",
                  .is_image = false,
                  .where = where};
    auto prompt = row.cells.find("prompt");
    if (prompt == row.cells.end()) {
      problems->push_back(absl::StrCat(where, ": has no prompt"));
    } else {
      sample.prompt = CheckedPrompt(prompt->second, where, problems);
    }
    std::string written = MediaCell(row, where, problems);
    if (written.empty()) continue;
    if (IsMissing(root, written) && source.missing != nullptr) {
      source.missing->push_back(
          absl::StrCat(where, ": ", Text(written), " does not exist"));
      continue;
    }
    sample.media_path = MediaFile(root, written, where, problems);
    sample.is_image = MediaKindOf(sample.media_path) == MediaKind::kImage;
    samples.push_back(std::move(sample));
  }
  return samples;
}

// The metadata file to read, relative to the root; "" for a plain folder.
std::string FindMetadata(const DataSource& source) {
  if (!source.metadata.empty()) return source.metadata;
  for (const char* name : {"metadata.csv", "metadata.json", "metadata.jsonl"}) {
    std::error_code ignored;
    if (fs::is_regular_file(fs::path(source.root) / name, ignored)) {
      return name;
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::vector<Sample>> LoadSamples(const DataSource& source) {
  std::error_code ignored;
  if (!fs::is_directory(source.root, ignored)) {
    return absl::NotFoundError(
        absl::StrCat("the data folder ", source.root, " does not exist"));
  }
  std::vector<std::string> problems;
  std::vector<Sample> samples;
  std::string metadata = FindMetadata(source);
  if (metadata.empty()) {
    samples = SamplesOfFolder(source.root, &problems);
  } else {
    std::string path = (fs::path(source.root) / metadata).string();
    HP_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
    HP_ASSIGN_OR_RETURN(std::vector<MetadataRow> rows,
                        ParseMetadataRows(text, path));
    samples = SamplesOfRows(rows, source, path, &problems);
  }
  if (problems.empty() && samples.empty()) {
    problems.push_back(
        absl::StrCat(source.root,
                     ": holds no samples; expected clips with .txt captions, "
                     "or a metadata file with rows"));
  }
  if (!problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  }
  return samples;
}

}  // namespace halfpipe
