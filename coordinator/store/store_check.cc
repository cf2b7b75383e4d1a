#include "coordinator/store/store_check.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/valid_text.h"
#include "coordinator/store/job_storage_format.h"

namespace halfpipe {
namespace {

constexpr size_t kMostProblems = 5;  // of pages, in a message

// Reads rows until there are none, or `look` returns false.
template <typename Look>
absl::Status ForEachRow(const SqliteDatabase& database, const char* sql,
                        Look look) {
  HP_ASSIGN_OR_RETURN(SqliteStatement query, database.Prepare(sql));
  while (true) {
    HP_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row || !look(query)) return absl::OkStatus();
  }
}

// `row` holds id, state, ended, body and spec.
absl::Status CheckJobRow(const SqliteStatement& row) {
  const absl::StatusOr<Job> job = DecodeJob(row.Text(3));
  HP_RETURN_IF_ERROR(job.status());
  HP_RETURN_IF_ERROR(DecodeJobSpec(row.Text(4)).status());
  if (job->id != row.Text(0)) {
    return absl::DataLossError("it holds a job of another id");
  }
  if (JobStateName(job->state) != row.Text(1) ||
      HasEnded(job->state) != (row.Int(2) != 0)) {
    return absl::DataLossError(absl::StrCat("it says two states, ", row.Text(1),
                                            " and ", JobStateName(job->state)));
  }
  return absl::OkStatus();
}

absl::Status CheckConfig(const std::string& stored) {
  if (stored.empty()) return absl::DataLossError("it is gone");
  return FromStoredBytes(stored).status();
}

}  // namespace

absl::Status CheckPages(const SqliteDatabase& database) {
  std::vector<std::string> problems;
  // quick_check would not compare indexes with their tables, and a job that an
  // index does not know is one that is never found.
  const absl::Status looked = ForEachRow(database, "PRAGMA integrity_check(20)",
                                         [&](const SqliteStatement& row) {
                                           problems.push_back(row.Text(0));
                                           return true;
                                         });
  if (looked.ok() && problems == std::vector<std::string>{"ok"}) {
    return absl::OkStatus();
  }
  if (!looked.ok() && !absl::IsDataLoss(looked)) return looked;
  if (!looked.ok()) problems.emplace_back(looked.message());
  const size_t found = problems.size();
  if (found > kMostProblems) problems.resize(kMostProblems);
  std::string text = absl::StrJoin(problems, "; ");
  if (found > kMostProblems) {
    absl::StrAppend(&text, "; ", found - kMostProblems, " and more");
  }
  return absl::DataLossError(text);
}

absl::Status CheckSchema(const SqliteDatabase& database) {
  constexpr const char* kParts[] = {
      "jobs",    "events",      "checkpoints",    "counters",
      "configs", "jobs_queued", "jobs_under_way", "jobs_ended"};
  for (const char* part : kParts) {
    HP_ASSIGN_OR_RETURN(
        const int64_t there,
        database.Number(absl::StrCat(
            "SELECT count(*) FROM sqlite_master WHERE name = '", part, "'")));
    if (there == 0) {
      return absl::DataLossError(absl::StrCat("it has no ", part));
    }
  }
  HP_ASSIGN_OR_RETURN(
      const int64_t counters,
      database.Number("SELECT count(*) FROM counters WHERE name = 'epoch' "
                      "AND typeof(value) = 'integer' AND value >= 0"));
  if (counters == 1) return absl::OkStatus();
  return absl::DataLossError("the counter of epochs is gone");
}

absl::StatusOr<std::vector<DamagedRow>> FindDamagedRows(
    const SqliteDatabase& database, size_t most) {
  std::vector<DamagedRow> found;
  const auto note = [&](DamagedRow::Kind kind, const SqliteStatement& row,
                        const absl::Status& status) {
    if (!status.ok()) {
      found.push_back(
          {kind, ValidText(row.Text(0)), std::string(status.message())});
    }
    return found.size() < most;
  };
  HP_RETURN_IF_ERROR(ForEachRow(
      database, "SELECT id, state, ended, body, spec FROM jobs ORDER BY number",
      [&](const SqliteStatement& row) {
        return note(DamagedRow::Kind::kJob, row, CheckJobRow(row));
      }));
  std::set<std::string> named;
  for (const DamagedRow& row : found) named.insert(row.job);
  HP_RETURN_IF_ERROR(ForEachRow(
      database,
      "SELECT jobs.id, configs.body FROM jobs LEFT JOIN configs "
      "ON configs.number = jobs.number ORDER BY jobs.number",
      [&](const SqliteStatement& row) {
        if (named.contains(ValidText(row.Text(0)))) return true;
        return note(DamagedRow::Kind::kConfig, row, CheckConfig(row.Text(1)));
      }));
  HP_RETURN_IF_ERROR(
      ForEachRow(database, "SELECT job, body FROM events ORDER BY job, cursor",
                 [&](const SqliteStatement& row) {
                   return note(DamagedRow::Kind::kEvent, row,
                               DecodeJobEvent(row.Text(1)).status());
                 }));
  return found;
}

std::string ToText(const DamagedRow& row) {
  const char* const kinds[] = {"job ", "the configuration of job ",
                               "an event of job "};
  return absl::StrCat(kinds[static_cast<int>(row.kind)], row.job, ": ",
                      row.why);
}

}  // namespace halfpipe
