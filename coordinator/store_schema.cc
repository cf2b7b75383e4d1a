#include "coordinator/store_schema.h"

#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/job_storage_format.h"

namespace halfpipe {
namespace {

// State and name are columns of their own for people with the sqlite3 shell;
// `body` and `spec` are what the coordinator reads.
constexpr const char* kTables = R"sql(
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  ended INTEGER NOT NULL,
  body BLOB NOT NULL,
  spec BLOB NOT NULL);
CREATE INDEX jobs_live ON jobs (number) WHERE ended = 0;
CREATE TABLE events (
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  cursor INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (job, cursor)) WITHOUT ROWID;
CREATE TABLE checkpoints (
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  steps_done INTEGER NOT NULL,
  directory TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (job, steps_done)) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO counters VALUES ('epoch', 0);
)sql";

// The queue is read from its index alone: a start with a long one must not read
// every job in it.
constexpr const char* kQueueIndex = R"sql(
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_live;
CREATE INDEX jobs_queued ON jobs (priority DESC, number, id)
  WHERE state = 'queued';
CREATE INDEX jobs_under_way ON jobs (number)
  WHERE ended = 0 AND state <> 'queued';
)sql";

absl::Status MakeTables(SqliteDatabase* database) {
  return database->Execute(kTables);
}

absl::Status IndexQueue(SqliteDatabase* database) {
  HP_RETURN_IF_ERROR(database->Execute(kQueueIndex));
  std::vector<std::pair<int64_t, int64_t>> priorities;  // by number
  {
    HP_ASSIGN_OR_RETURN(
        SqliteStatement query,
        database->Prepare("SELECT number, body FROM jobs WHERE ended = 0"));
    while (true) {
      HP_ASSIGN_OR_RETURN(bool row, query.Step());
      if (!row) break;
      HP_ASSIGN_OR_RETURN(const Job job, DecodeJob(query.Text(1)));
      priorities.emplace_back(query.Int(0), job.priority);
    }
  }
  HP_ASSIGN_OR_RETURN(
      SqliteStatement update,
      database->Prepare("UPDATE jobs SET priority = ? WHERE number = ?"));
  for (const auto& [number, priority] : priorities) {
    HP_RETURN_IF_ERROR(update.Bind(1, priority).Bind(2, number).Run());
  }
  return absl::OkStatus();
}

// What makes version i + 1 of version i; a new file passes through all.
constexpr absl::Status (*kUpgrades[])(SqliteDatabase*) = {MakeTables,
                                                          IndexQueue};
constexpr int64_t kSchemaVersion = std::size(kUpgrades);

}  // namespace

absl::Status PrepareSchema(SqliteDatabase* database, const std::string& path) {
  int64_t version = 0;
  {
    HP_ASSIGN_OR_RETURN(SqliteStatement query,
                        database->Prepare("PRAGMA user_version"));
    HP_ASSIGN_OR_RETURN(bool row, query.Step());
    version = row ? query.Int(0) : 0;
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " was written by a newer version (schema ", version,
        ", this one knows ", kSchemaVersion,
        "): update halfpipe-coordinator or use another state folder"));
  }
  HP_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database));
  for (int64_t next = version; next < kSchemaVersion; ++next) {
    HP_RETURN_IF_ERROR(kUpgrades[next](database));
  }
  HP_RETURN_IF_ERROR(database->Execute(
      absl::StrCat("PRAGMA user_version = ", kSchemaVersion)));
  return transaction.Commit();
}

}  // namespace halfpipe
