#include "common/data/metadata_rows.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/data/metadata_columns.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

absl::Status ProblemAt(const std::string& file_name, int line,
                       absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(file_name), ":", line, ": ", Shortened(Shown(what))));
}

bool IsEmpty(const std::string& field) { return IsBlank(field); }

std::vector<std::string> Trimmed(const std::vector<std::string>& fields) {
  std::vector<std::string> trimmed;
  trimmed.reserve(fields.size());
  for (const std::string& field : fields) {
    trimmed.emplace_back(absl::StripAsciiWhitespace(field));
  }
  return trimmed;
}

// Typographic quotes, which word processors put in place of '"'.
bool HoldsCurlyQuote(const std::vector<std::string>& fields) {
  return std::any_of(fields.begin(), fields.end(), [](const auto& field) {
    return absl::StrContains(field, "\xE2\x80\x9C") ||
           absl::StrContains(field, "\xE2\x80\x9D");
  });
}

MetadataRow RowOfRecord(CsvRecord record,
                        const std::vector<std::string>& columns) {
  MetadataRow row{.line = record.line, .problem = record.problem, .cells = {}};
  if (!row.problem.empty()) return row;
  std::vector<std::string>& fields = record.fields;
  // Spreadsheets end rows with commas where a longer row was once.
  while (fields.size() > columns.size() && IsEmpty(fields.back())) {
    fields.pop_back();
  }
  if (fields.size() > columns.size()) {
    row.problem = absl::StrCat(
        "expected ", columns.size(), " fields, found ", fields.size(), "; put ",
        HoldsCurlyQuote(fields) ? "straight quotes (\")" : "quotes",
        " around a text that holds a comma");
    return row;
  }
  // As pandas has it, fields that are left out at the end are empty.
  for (size_t i = 0; i < fields.size(); ++i) {
    row.cells[columns[i]] = std::move(fields[i]);
  }
  return row;
}

// The first line that is not blank.
absl::string_view FirstTableLine(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  return text.substr(0, text.find_first_of("\r\n"));
}

absl::StatusOr<std::vector<MetadataRow>> RowsOfCsv(
    absl::string_view text, const std::string& file_name) {
  const absl::string_view first = FirstTableLine(WithoutMark(text));
  if (absl::StartsWith(first, "[") || absl::StartsWith(first, "{")) {
    return ProblemAt(file_name, 1,
                     "is JSON, not CSV: rename it to .json, or to .jsonl if it "
                     "has an object a line");
  }
  std::vector<CsvRecord> records = ParseCsv(text);
  if (records.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(file_name),
                     ": is empty; expected a first line that names the "
                     "columns"));
  }
  const CsvRecord& header = records[0];
  if (!header.problem.empty()) {
    return ProblemAt(file_name, header.line, header.problem);
  }
  const std::vector<std::string> columns = Trimmed(header.fields);
  const std::string problem = HeaderProblem(columns, first);
  if (!problem.empty()) return ProblemAt(file_name, header.line, problem);
  std::vector<MetadataRow> rows;
  for (size_t i = 1; i < records.size(); ++i) {
    const std::vector<std::string>& fields = records[i].fields;
    // Rows of commas alone, which spreadsheets leave behind the last one.
    if (records[i].problem.empty() &&
        std::all_of(fields.begin(), fields.end(), IsEmpty)) {
      continue;
    }
    rows.push_back(RowOfRecord(std::move(records[i]), columns));
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<MetadataRow>> ParseMetadataRows(
    absl::string_view text, const std::string& file_name) {
  const std::vector<std::string> unreadable =
      TextProblemsOfFile(text, file_name);
  if (!unreadable.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(unreadable, "\n"));
  }
  const std::string lower = absl::AsciiStrToLower(file_name);
  if (absl::EndsWith(lower, ".csv")) return RowsOfCsv(text, file_name);
  if (absl::EndsWith(lower, ".json")) {
    return RowsOfJson(text, file_name);
  }
  if (absl::EndsWith(lower, ".jsonl")) {
    return RowsOfJsonLines(text, file_name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(file_name),
                   ": unknown kind of metadata; expected .csv, .json or "
                   ".jsonl"));
}

std::vector<std::string> ColumnsOf(const std::vector<MetadataRow>& rows) {
  std::vector<std::string> columns;
  std::set<std::string> seen;
  for (const MetadataRow& row : rows) {
    for (const auto* names : {&row.cells, &row.others}) {
      for (const auto& [name, value] : *names) {
        if (seen.insert(name).second) columns.push_back(name);
      }
    }
  }
  return columns;
}

}  // namespace halfpipe
