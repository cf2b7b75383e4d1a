#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/api/commands.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/store_check.h"
#include "coordinator/store/store_copies.h"

namespace halfpipe {
namespace {

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

absl::StatusOr<std::string> DescribeCopy(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const SqliteDatabase copy,
                      SqliteDatabase::OpenReader(path));
  HP_RETURN_IF_ERROR(CheckPages(copy));
  HP_ASSIGN_OR_RETURN(const int64_t jobs,
                      copy.Number("SELECT count(*) FROM jobs"));
  return absl::StrCat("whole, ", jobs, " jobs");
}

void PrintCopies(const std::string& state_dir) {
  for (const StoreCopy& copy : ListStoreCopies(state_dir)) {
    const absl::StatusOr<std::string> found =
        DescribeCopy(absl::StrCat(state_dir, "/", copy.name));
    Print(absl::StrCat(
        "copy ", copy.name, ": ",
        found.ok() ? *found : std::string(found.status().message())));
  }
}

// The number of records that cannot be read.
absl::StatusOr<size_t> LookAtDatabase(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const SqliteDatabase database,
                      SqliteDatabase::OpenReader(path));
  HP_RETURN_IF_ERROR(CheckPages(database));
  HP_RETURN_IF_ERROR(CheckSchema(database));
  HP_ASSIGN_OR_RETURN(const std::vector<DamagedRow> rows,
                      FindDamagedRows(database));
  for (const DamagedRow& row : rows) Print(ToText(row));
  HP_ASSIGN_OR_RETURN(const int64_t jobs,
                      database.Number("SELECT count(*) FROM jobs"));
  HP_ASSIGN_OR_RETURN(
      const int64_t aside,
      database.Number("SELECT count(*) FROM jobs WHERE state = 'damaged'"));
  Print(absl::StrCat(path, ": ", jobs, " jobs, ", aside, " set aside, ",
                     rows.size(), " records cannot be read"));
  return rows.size();
}

}  // namespace

CLI::App* AddCheckCommand(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "check",
      "Look at the job database and its copies: 0 whole, 3 damaged (also while "
      "the service runs)");
  command->fallthrough();
  return command;
}

absl::Status CheckStateFolder(const std::string& state_dir) {
  const std::string path = StorePath(state_dir);
  HP_RETURN_IF_ERROR(CheckNotLost(state_dir));
  if (!std::filesystem::exists(path)) {
    return absl::NotFoundError(absl::StrCat("there is no ", path));
  }
  const absl::StatusOr<size_t> damaged = LookAtDatabase(path);
  PrintCopies(state_dir);
  std::fflush(stdout);
  if (absl::IsDataLoss(damaged.status()) ||
      absl::IsInternal(damaged.status())) {
    return ExplainDamage(damaged.status(), state_dir);
  }
  HP_RETURN_IF_ERROR(damaged.status());
  if (*damaged == 0) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(*damaged,
                   " records of the database are damaged; the service leaves "
                   "them out and serves the others. halfpipe delete JOB "
                   "removes a job's"));
}

}  // namespace halfpipe
