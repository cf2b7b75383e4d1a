#include "common/data/metadata_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/data/csv.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

using Json = nlohmann::json;

absl::StatusOr<std::vector<MetadataRow>> RowsOfCsv(
    absl::string_view text, const std::string& file_name) {
  absl::StatusOr<std::vector<CsvRecord>> records = ParseCsv(text);
  if (!records.ok()) return Annotate(records.status(), file_name);
  if (records->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        file_name, ": is empty; expected a first line that names the columns"));
  }
  const std::vector<std::string>& columns = (*records)[0].fields;
  std::vector<MetadataRow> rows;
  for (size_t i = 1; i < records->size(); ++i) {
    CsvRecord& record = (*records)[i];
    MetadataRow row{.line = record.line, .problem = "", .cells = {}};
    if (record.fields.size() != columns.size()) {
      row.problem = absl::StrCat(
          "expected ", columns.size(), " fields, found ", record.fields.size(),
          "; put quotes around a text that holds a comma");
    } else {
      for (size_t c = 0; c < columns.size(); ++c) {
        std::string name(absl::StripAsciiWhitespace(columns[c]));
        row.cells[name] = std::move(record.fields[c]);
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// One object of a .json or .jsonl file.
MetadataRow RowOfObject(const Json& object, int line) {
  MetadataRow row{.line = line, .problem = "", .cells = {}};
  if (!object.is_object()) {
    row.problem = absl::StrCat("expected an object, found ",
                               std::string(object.type_name()));
    return row;
  }
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) row.cells[name] = value.get<std::string>();
  }
  return row;
}

int LineAt(absl::string_view text, size_t offset) {
  return 1 +
         static_cast<int>(std::count(
             text.begin(), text.begin() + std::min(offset, text.size()), '\n'));
}

// The offset of the quote that ends the string which starts at `begin`.
size_t EndOfString(absl::string_view text, size_t begin) {
  size_t i = begin + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return i;
}

// Lines on which the elements of the outermost list start. `text` is known to
// be JSON, so only strings (which hold no line breaks) and brackets need
// attention.
std::vector<int> ElementLines(absl::string_view text) {
  std::vector<int> lines;
  int line = 1;
  int depth = 0;
  bool expects_element = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (depth == 1 && expects_element && !absl::ascii_isspace(c) && c != ']') {
      lines.push_back(line);
      expects_element = false;
    }
    if (c == '"') i = EndOfString(text, i);
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth == 1 && (c == ',' || (c == '[' && lines.empty()))) {
      expects_element = true;
    }
  }
  return lines;
}

// nlohmann's message without its own prefix.
std::string JsonProblem(const Json::exception& error) {
  std::string text = error.what();
  size_t colon = text.find(": ");
  return colon == std::string::npos ? text : text.substr(colon + 2);
}

absl::StatusOr<std::vector<MetadataRow>> RowsOfJson(
    absl::string_view text, const std::string& file_name) {
  Json document;
  try {
    document = Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":", LineAt(text, error.byte),
                     ": is not valid JSON: ", JsonProblem(error)));
  } catch (const Json::exception& error) {
    // No place is told of a number that is too large for a double.
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": is not valid JSON: ", JsonProblem(error)));
  }
  if (!document.is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":1: expected a list of objects, found ",
                     std::string(document.type_name())));
  }
  std::vector<int> lines = ElementLines(text);
  std::vector<MetadataRow> rows;
  for (size_t i = 0; i < document.size(); ++i) {
    rows.push_back(RowOfObject(document[i], i < lines.size() ? lines[i] : 1));
  }
  return rows;
}

std::vector<MetadataRow> RowsOfJsonLines(absl::string_view text) {
  std::vector<MetadataRow> rows;
  int line = 0;
  for (absl::string_view part : absl::StrSplit(text, '\n')) {
    ++line;
    if (absl::StripAsciiWhitespace(part).empty()) continue;
    try {
      rows.push_back(RowOfObject(Json::parse(part.begin(), part.end()), line));
    } catch (const Json::exception& error) {
      rows.push_back(
          {.line = line,
           .problem = absl::StrCat("is not valid JSON: ", JsonProblem(error)),
           .cells = {}});
    }
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<MetadataRow>> ParseMetadataRows(
    absl::string_view text, const std::string& file_name) {
  std::string lower = absl::AsciiStrToLower(file_name);
  if (absl::EndsWith(lower, ".csv")) return RowsOfCsv(text, file_name);
  if (absl::EndsWith(lower, ".json")) return RowsOfJson(text, file_name);
  if (absl::EndsWith(lower, ".jsonl")) return RowsOfJsonLines(text);
  return absl::InvalidArgumentError(absl::StrCat(
      file_name, ": unknown kind of metadata; expected .csv, .json or .jsonl"));
}

}  // namespace halfpipe
