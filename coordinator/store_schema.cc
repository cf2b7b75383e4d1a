#include "coordinator/store_schema.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int64_t kSchemaVersion = 1;

// State and name are columns of their own for people with the sqlite3 shell;
// `body` and `spec` are what the coordinator reads.
constexpr const char* kSchema = R"sql(
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
PRAGMA user_version = 1;
)sql";

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
  if (version == 0) HP_RETURN_IF_ERROR(database->Execute(kSchema));
  return transaction.Commit();
}

}  // namespace halfpipe
