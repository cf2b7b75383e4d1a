#include "client/commands/job_table.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/jobs/progress.h"
#include "client/jobs/terminal.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

constexpr int kGap = 2;
// A reason that is cut to less tells nothing.
constexpr int kShortestReason = 12;
constexpr absl::string_view kReason = "REASON";
// What a narrow terminal does without, first to last. An ID has the name in it.
constexpr absl::string_view kLeastWanted[] = {"NAME",  "PRIO", "LOSS", "AGE",
                                              kReason, "ETA",  "STEP", "STATE"};

// One heading with what stands below it.
struct Column {
  absl::string_view heading;
  int width = 0;
  std::vector<std::string> cells = {};
};

// A reason may be a whole list of problems; `show` has all of it.
absl::string_view FirstLine(absl::string_view text) {
  return text.substr(0, text.find('\n'));
}

// Of a job that trains or saves; the last step of any other one says how long
// it would have taken.
std::string EtaOf(const Job& job) {
  const bool trains =
      job.state == JobState::kRunning || job.state == JobState::kSaving;
  if (!trains || !job.last_step.has_value()) return "-";
  return ReadableSeconds(job.last_step->eta_seconds);
}

std::string LossOf(const Job& job) {
  if (!job.last_step.has_value()) return "-";
  return absl::StrFormat("%.4g", job.last_step->smoothed_loss);
}

// In the order of ColumnsOf.
std::vector<std::string> CellsOf(const Job& job, absl::Time now) {
  return {PrintableText(job.id),
          std::string(JobStateName(job.state)),
          absl::StrCat(job.steps_done, "/", job.steps_total),
          LossOf(job),
          EtaOf(job),
          ReadableSeconds(absl::ToDoubleSeconds(now - job.created)),
          absl::StrCat(job.priority),
          job.name.empty() ? "-" : PrintableText(job.name),
          PrintableText(FirstLine(job.reason))};
}

std::vector<Column> ColumnsOf(const std::vector<Job>& jobs, absl::Time now) {
  // A state is mostly as long as that, so that the columns rarely move.
  constexpr int kStateWidth = 10;
  std::vector<Column> table = {{"ID"},   {"STATE", kStateWidth},
                               {"STEP"}, {"LOSS"},
                               {"ETA"},  {"AGE"},
                               {"PRIO"}, {"NAME"},
                               {kReason}};
  for (const Job& job : jobs) {
    const std::vector<std::string> cells = CellsOf(job, now);
    for (size_t i = 0; i < table.size(); ++i) {
      table[i].cells.push_back(cells[i]);
    }
  }
  for (Column& column : table) {
    column.width = std::max(column.width, ShownColumns(column.heading));
    for (const std::string& cell : column.cells) {
      column.width = std::max(column.width, ShownColumns(cell));
    }
  }
  return table;
}

int WidthOf(const std::vector<Column>& table) {
  return std::accumulate(table.begin(), table.end(), -kGap,
                         [](int width, const Column& column) {
                           return width + kGap + column.width;
                         });
}

// Cuts the reasons by as much as is missing, but not to less than the shortest.
void ShortenReasons(int columns, std::vector<Column>* table) {
  Column& last = table->back();
  if (last.heading != kReason) return;
  const int missing = WidthOf(*table) - columns;
  const int shortest = std::min(last.width, kShortestReason);
  last.width = std::max(last.width - std::max(missing, 0), shortest);
}

void FitInto(int columns, std::vector<Column>* table) {
  std::vector<Column> fitting = *table;
  ShortenReasons(columns, &fitting);
  for (const absl::string_view heading : kLeastWanted) {
    if (WidthOf(fitting) <= columns) break;
    table->erase(std::remove_if(table->begin(), table->end(),
                                [heading](const Column& column) {
                                  return column.heading == heading;
                                }),
                 table->end());
    fitting = *table;
    ShortenReasons(columns, &fitting);
  }
  *table = std::move(fitting);
}

void AppendCell(absl::string_view text, int width, std::string* line) {
  const std::string shown = CutToColumns(text, width);
  absl::StrAppend(
      line, shown,
      std::string(static_cast<size_t>(width - ShownColumns(shown) + kGap),
                  ' '));
}

void AppendLine(std::string line, std::string* text) {
  absl::StripTrailingAsciiWhitespace(&line);
  absl::StrAppend(text, line, "\n");
}

}  // namespace

std::string JobTable(const std::vector<Job>& jobs, absl::Time now,
                     std::optional<int> columns) {
  std::vector<Column> table = ColumnsOf(jobs, now);
  if (columns.has_value()) FitInto(*columns, &table);
  std::string text;
  std::string headings;
  for (const Column& column : table) {
    AppendCell(column.heading, column.width, &headings);
  }
  AppendLine(headings, &text);
  for (size_t row = 0; row < jobs.size(); ++row) {
    std::string line;
    for (const Column& column : table) {
      AppendCell(column.cells[row], column.width, &line);
    }
    AppendLine(line, &text);
  }
  return text;
}

}  // namespace halfpipe
